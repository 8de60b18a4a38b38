"""The generated clients against the running service, as their users would write programs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from scripts.clients import generate
from tests.acceptance.demonstration import Demonstration
from tests.acceptance.processes import PROJECT, Running, serving

PROGRAMS = Path(__file__).with_name("clients")
DONE = "46 demands, all well\n"


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, demonstration: Demonstration
) -> Iterator[Running]:
    folder = demonstration.copy_to(tmp_path_factory.mktemp("clients"))
    with serving(folder, "--no-worker") as running:
        yield running


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make clients` fills."""
    folder = tmp_path_factory.mktemp("made")
    done = subprocess.run(
        [sys.executable, "-m", "scripts.clients.generate", folder],
        cwd=PROJECT,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_python_program_runs_and_its_types_are_right(clients: Path, service: Running) -> None:
    package = clients / "python"
    done = _run([sys.executable, PROGRAMS / "program.py", service.url], PYTHONPATH=package)
    assert done.stdout == DONE, done.stderr
    program = shutil.copy(PROGRAMS / "program.py", clients)
    options = ["--strict", "--config-file=", f"--cache-dir={clients / 'cache'}"]
    checked = _run([sys.executable, "-m", "mypy", *options, program], MYPYPATH=package)
    assert checked.returncode == 0, checked.stdout


def test_a_typescript_program_compiles_strictly_and_runs(clients: Path, service: Running) -> None:
    """Its mistakes do not compile: they stand under @ts-expect-error."""
    folder = clients / "typescript"
    packages = generate.install_npm_packages()
    (folder / "node_modules").symlink_to(packages)
    for file in PROGRAMS.glob("*.*s*"):
        shutil.copy(file, folder)
    generate.run_node(packages / "typescript" / "bin" / "tsc", "--project", str(folder))
    assert generate.run_node(folder / "program.ts", service.url) == DONE


def test_values_of_a_later_service_are_no_error(clients: Path) -> None:
    """An enum's value that this client does not know yet is handed through."""
    program = """
from shuangku_client.models.demand_state import check_demand_state as check
print(check("on_hold"))
"""
    done = _run([sys.executable, "-c", program], PYTHONPATH=clients / "python")
    assert done.stdout == "on_hold\n", done.stderr


def test_without_the_npm_registry_the_python_client_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """How it is made is seen above, and takes long."""
    monkeypatch.setattr(generate, "make_python", lambda document, folder: folder.mkdir())
    monkeypatch.setattr(generate, "INSTALLED", tmp_path / "npm")
    for name in ("registry", "proxy", "https_proxy"):
        monkeypatch.setenv(f"npm_config_{name}", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_fetch_retry_mintimeout", "1")  # ms
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    with pytest.raises(typer.Exit) as ended:
        generate.main(tmp_path / "made")
    assert ended.value.exit_code == 1
    assert (tmp_path / "made" / "python").exists()
    assert "npm registry" in capsys.readouterr().err


def _run(command: list[str | Path], **environment: Path) -> subprocess.CompletedProcess[str]:
    paths = {name: str(path) for name, path in environment.items()}
    return subprocess.run(
        command, env=os.environ | paths, capture_output=True, encoding="utf-8", check=False
    )
