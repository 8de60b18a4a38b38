"""Imports run one way: domains in their order, the application into matching, no cycle anywhere."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

# A domain imports only what stands before it. The README shows the same order.
DOMAINS = (
    "reference",
    "changes",
    "accounts",
    "organizations",
    "progress",
    "experts",
    "achievements",
    "pools",
    "demands",
    "campaigns",
    "matches",
    "problems",
    "corps",
    "dockings",
    "teams",
    "cases",
    "questions",
    "notices",
    "webhooks",
    "bulk",
    "evaluation",
    "personal_data",
    "audit",
    "console",
)
# Packages that serve every domain and know of none.
SERVING_ALL = frozenset({"interface", "postgres", "metrics", "encryption", "outgoing"})
# The modules that put the domains together; all others of `app` know nothing of them.
COMPOSING = frozenset(
    {
        *("main", "api", "models", "commands", "processes", "health", "migration", "upkeep"),
    }
)
# What only the application knows of: the pure core must run without.
WEB_AND_DATABASE = frozenset(
    {"app", "migrations", "fastapi", "starlette", "sqlalchemy", "psycopg", "pydantic", "httpx"}
)


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the service by its dotted name."""
    found = {}
    for package in ("app", "matching", "migrations"):
        for path in sorted((PROJECT / package).rglob("*.py")):
            dotted = ".".join(path.relative_to(PROJECT).with_suffix("").parts)
            found[dotted.removesuffix(".__init__")] = ast.parse(path.read_text(encoding="utf-8"))
    return found


@cache
def imports_of(name: str) -> frozenset[str]:
    """The dotted names that the module imports when it is loaded, its own packages left out.

    `from a import b` counts as a.b where that is a module, else as a.
    """
    found = set()
    for node in _loaded(modules()[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            source = node.module or ""
            targets = {f"{source}.{alias.name}" for alias in node.names}
            found |= {target if target in modules() else source for target in targets}
    return frozenset(found)


def _loaded(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _loaded(node)


def domain_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "app" and parts[1] in DOMAINS else None


def test_every_domain_stands_in_the_order() -> None:
    folders = {path.parent.name for path in (PROJECT / "app").glob("*/__init__.py")}
    missing = folders - set(DOMAINS) - SERVING_ALL - COMPOSING
    assert not missing, f"give {missing} their place in DOMAINS and in the README"


def test_domains_import_only_what_stands_before_them() -> None:
    for module in modules():
        domain = domain_of(module)
        if domain is None:
            continue
        for imported in imports_of(module):
            other = domain_of(imported)
            if other is not None:
                is_before = DOMAINS.index(other) <= DOMAINS.index(domain)
                assert is_before, f"{module} imports {imported}, which stands after {domain}"


def test_shared_modules_know_no_domain() -> None:
    for module in modules():
        parts = module.split(".")
        if parts[0] == "app" and len(parts) > 1 and domain_of(module) is None:
            domains = {name for name in imports_of(module) if domain_of(name)}
            assert not domains or parts[1] in COMPOSING, f"{module} imports {domains}"


def test_nobody_imports_the_composition() -> None:
    for module in modules():
        if not _composes(module):
            found = {name for name in imports_of(module) if _composes(name)}
            assert found <= {"app.models"}, f"{module} imports {found}"


def _composes(module: str) -> bool:
    return module.startswith("app.") and module.split(".")[1] in COMPOSING


def test_matching_is_pure() -> None:
    for module in modules():
        if module.split(".")[0] == "matching":
            tops = {name.split(".")[0] for name in imports_of(module)}
            assert not tops & WEB_AND_DATABASE, f"{module} imports {tops & WEB_AND_DATABASE}"


def test_no_cycle() -> None:
    graph = {
        name: {other for other in imports_of(name) if other in modules() and other != name}
        for name in modules()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_tests_are_not_imported() -> None:
    for module in modules():
        assert "tests" not in {name.split(".")[0] for name in imports_of(module)}, module


# PostgreSQL's own processes get an environment made for them; the encoder's threads are told
# through theirs how to wait, and the metrics' library where to write. None is a setting.
# `unknown_settings` reads the names of what is no setting.
TOUCH_THE_ENVIRONMENT = (
    "app.settings",
    "app.processes.unknown_settings",
    "app.metrics.instruments",
    "app.postgres.privileges",
    "app.postgres.cluster",
    "matching.embeddings",
)


def test_only_settings_reads_the_environment() -> None:
    for module, tree in modules().items():
        if module in TOUCH_THE_ENVIRONMENT:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                is_read = (node.value.id, node.attr) in {("os", "environ"), ("os", "getenv")}
                assert not is_read, f"{module} reads the environment in line {node.lineno}"


def test_readme_shows_the_same_order() -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    chain = re.search(r"reference(?:\W+(?:&lt;)?\W*(?:\w+)){5,}?\W+console", text)
    assert chain, "the README shows the domains in their order, from reference on"
    shown = [word for word in re.findall(r"[a-z_]+", chain[0]) if word in DOMAINS]
    assert tuple(shown) == DOMAINS


def test_third_parties_are_declared() -> None:
    """What is imported stands in pyproject.toml, not only in somebody's environment."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {_plain(re.split(r"[\[<>=~ ;]", line)[0]) for line in project["dependencies"]}
    providers = importlib.metadata.packages_distributions()
    ours = {"app", "matching", "migrations", *sys.stdlib_module_names}
    # These come with what is declared and are its public interface.
    brought = {
        *("starlette", "pydantic", "pydantic_core", "typing_extensions", "anyio"),
        *("psycopg_pool", "dotenv"),
    }
    for module in modules():
        for top in {name.split(".")[0] for name in imports_of(module)} - ours - brought:
            found = {_plain(name) for name in providers.get(top, [])}
            assert found & declared, f"{module} imports {top}, which pyproject.toml lacks"


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
