"""Whether a locked package has a known vulnerability: `make audit`.

A known one fails. Without an answer from the database there is nothing to fail for, only to say.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

SECONDS = 120  # for all packages together, so that a silent network does not hold up a build

# A vulnerability that does not reach us, and why.
ACCEPTED: dict[str, str] = {}


class Unreachable(RuntimeError):
    """The database of vulnerabilities gave no answer."""


def main(
    lock: Annotated[Path, typer.Argument(help="requirements.lock")],
    seconds: float = SECONDS,
) -> None:
    """检查已知漏洞 · Ask for known vulnerabilities of the locked packages."""
    try:
        found = list(vulnerabilities(report(lock, seconds)))
    except Unreachable as error:
        typer.echo(f"警告:无法查询漏洞库 / warning: not audited: {error}", err=True)
        return
    if found:
        typer.echo("\n".join(found), err=True)
        raise typer.Exit(1)
    typer.echo("没有已知漏洞 / no known vulnerabilities")


def report(lock: Path, seconds: float = SECONDS) -> str:
    """pip-audit's JSON; Unreachable without an answer in time."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "report.json"
        try:
            done = subprocess.run(
                [*_command(lock), "--output", output],
                capture_output=True,
                encoding="utf-8",
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Unreachable(f"no answer after {seconds:.0f} s") from None
        if not output.exists() or not (text := output.read_text(encoding="utf-8")):
            raise Unreachable(_last_line(done.stderr))
        return text


def _command(lock: Path) -> list[str]:
    """OSV's database; the lock file names all packages, so that pip has nothing to resolve."""
    options = ["--no-deps", "--disable-pip", "--require-hashes", "--vulnerability-service=osv"]
    format_ = ["--format=json", "--progress-spinner=off", "--timeout=10"]
    return [sys.executable, "-m", "pip_audit", f"--requirement={lock}", *options, *format_]


def vulnerabilities(text: str) -> Iterator[str]:
    """A line for each that nobody has accepted."""
    for package in json.loads(text)["dependencies"]:
        for one in package.get("vulns", ()):
            names = {one["id"], *one.get("aliases", ())}
            if not names & ACCEPTED.keys():
                mended = ", ".join(one.get("fix_versions", ())) or "no version yet"
                yield f"{package['name']} {package['version']}: {one['id']}, mended in {mended}"


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else "pip-audit said nothing"


if __name__ == "__main__":
    typer.run(main)
