"""Names that say what is in a file, and sizes that fit on a screen."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.test_imports import DOMAINS

PROJECT = Path(__file__).resolve().parents[2]
FOLDERS = ("app", "matching", "scripts", "tests")
MEASURED = ("app", "matching")
VAGUE = frozenset(
    {
        "utils",
        "util",
        "common",
        "helpers",
        "helper",
        "base",
        "manager",
        "managers",
        "misc",
        "shared",
    }
)
MAX_FILE_LINES, MAX_FUNCTION_LINES = 350, 50
STATEMENTS = ("select", "update", "delete")


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((PROJECT / folder).rglob("*.py"))


def domains() -> list[Path]:
    return [PROJECT / "app" / name for name in DOMAINS]


def test_no_vague_names() -> None:
    for path in sources(*FOLDERS, "migrations"):
        parts = {*path.relative_to(PROJECT).parent.parts, *re.split("_", path.stem)}
        assert not parts & VAGUE, path


def test_modules_are_snake_case() -> None:
    for path in sources(*FOLDERS):
        assert re.fullmatch(r"[a-z][a-z0-9_]*|__init__|__main__", path.stem), path


@pytest.mark.parametrize("domain", domains(), ids=lambda path: path.name)
def test_domains_look_alike(domain: Path) -> None:
    """What answers HTTP has bodies, what has tables selects from them in one place."""
    names = {path.stem for path in domain.glob("*.py")}
    if "endpoints" in names:
        assert "schemas" in names
    if "models" in names:
        assert "repository" in names
    assert (domain / "__init__.py").read_text(encoding="utf-8") == ""


@pytest.mark.parametrize("domain", domains(), ids=lambda path: path.name)
def test_who_may_do_what_stands_in_access(domain: Path) -> None:
    """A rule on one record, the same in SQL, and what follows for the client."""
    for path in domain.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and path.name != "access.py":
                is_rule = re.match(r"_?(may_(?!be_)|readable|allowed_actions)", node.name)
                assert not is_rule, f"{path}: {node.name}"


@pytest.mark.parametrize("domain", domains(), ids=lambda path: path.name)
def test_who_somebody_is_is_asked_in_access(domain: Path) -> None:
    """Rules compare roles and parties; besides, what knows the caller does."""
    for path in domain.rglob("*.py"):
        if path.name in ("access.py", "actors.py", "dependencies.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare | ast.BinOp):
                asked = {ast.unparse(part) for part in ast.walk(node)}
                found = {name for name in asked if re.fullmatch(r"\w+\.role|Party\.\w+", name)}
                assert not found, f"{path}:{node.lineno} asks for {found}"


def test_endpoints_know_no_sql() -> None:
    for path in sources("app"):
        if path.name == "endpoints.py":
            text = path.read_text(encoding="utf-8")
            assert "sqlalchemy" not in text, path
            assert not re.search(r"session\.(execute|scalars?|get|add|commit|flush)\b", text), path


def test_statements_stand_in_repositories() -> None:
    for path in sources("app"):
        place = path.relative_to(PROJECT / "app")
        is_in_domain = place.parts[0] in DOMAINS
        if not is_in_domain or path.name == "repository.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in STATEMENTS:
                assert _is_lock(node), f"{path}:{node.lineno} asks {ast.unparse(node)}"


def _is_lock(select: ast.Call) -> bool:
    """An advisory lock is taken by a SELECT, and reads nothing."""
    return "pg_advisory" in ast.unparse(select)


def test_states_change_in_workflows_alone() -> None:
    """Whoever puts a record into a state does all that belongs to it."""
    settled = 0
    for domain in domains():
        for path in domain.rglob("*.py"):
            found = list(_set_states(ast.parse(path.read_text(encoding="utf-8"))))
            settled += len(found)
            assert not found or path.name == "workflow.py", f"{path}:{found} sets a state"
    assert settled > 5


def _set_states(tree: ast.Module) -> Iterator[int]:
    """The lines that set a record's state, write one to a table, or describe a step to one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if node.attr == "state":
                yield node.lineno
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            given = {keyword.arg for keyword in node.keywords}
            if name == "Transition" or (name in ("values", "_update") and "state" in given):
                yield node.lineno


def test_commit_is_written_in_one_place() -> None:
    """A request commits once, where its session is made."""
    for path in sources("app"):
        if path.name in ("endpoints.py", "operations.py", "repository.py"):
            assert ".commit()" not in path.read_text(encoding="utf-8"), path


def test_files_fit_on_a_few_screens() -> None:
    for path in sources(*MEASURED):
        count = len(path.read_text(encoding="utf-8").splitlines())
        assert count <= MAX_FILE_LINES, f"{path} has {count} lines"


def test_functions_are_small() -> None:
    for path in sources(*MEASURED):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = (node.end_lineno or node.lineno) - node.lineno + 1
                assert count <= MAX_FUNCTION_LINES, f"{path}: {node.name} has {count} lines"


def test_public_modules_say_what_they_are() -> None:
    for path in sources("app", "matching", "scripts"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not tree.body or ast.get_docstring(tree), path
