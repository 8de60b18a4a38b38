"""The licences of what the service ships, as its SBOM names them, and whether they are allowed.

`make sbom` writes the SBOM and, from it, the list; a licence that nobody has allowed is an error.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from license_expression import ExpressionError, Licensing

# Those that ask for no more than their notice to be kept.
ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "PSF-2.0",
        "PostgreSQL",
        "Zlib",
        "License :: OSI Approved :: Apache Software License",
        "License :: OSI Approved :: BSD License",
    }
)
UNCHANGED = "used as it is published, imported and never changed or copied: the LGPL asks no more"
EXCEPTIONS = {
    "certifi": "MPL-2.0: a list of certificates, passed on unchanged with its source",
    "psycopg": f"LGPL-3.0: {UNCHANGED}",
    "psycopg-binary": f"LGPL-3.0: {UNCHANGED}",
    "psycopg-pool": f"LGPL-3.0: {UNCHANGED}",
    "python-stdnum": f"LGPL-2.1 or later: {UNCHANGED}",
}
LICENSING = Licensing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One package, and every licence that it says it is under."""

    name: str
    version: str
    licences: tuple[str, ...]


def main(sbom: Path, listing: Annotated[Path, typer.Argument(help="CSV")]) -> None:
    """检查许可证 · Write the list of licences; fails for one that is not allowed."""
    found = components(sbom)
    with listing.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["package", "version", "licences", "exception"])
        for one in found:
            row = [one.name, one.version, "; ".join(one.licences), EXCEPTIONS.get(one.name, "")]
            writer.writerow(row)
    if wrong := list(faults(found)):
        typer.echo("\n".join(wrong), err=True)
        raise typer.Exit(1)
    typer.echo(f"{len(found)} 个组件,许可证均可用 / components, every licence allowed: {listing}")


def components(sbom: Path) -> list[Component]:
    """What a CycloneDX document lists, by name."""
    document = json.loads(sbom.read_text(encoding="utf-8"))
    found = [
        Component(name=c["name"], version=c["version"], licences=tuple(_licences(c)))
        for c in document["components"]
    ]
    return sorted(found, key=lambda one: one.name.lower())


def _licences(component: dict[str, list[dict[str, dict[str, str]]]]) -> Iterator[str]:
    for entry in component.get("licenses", []):
        licence = entry.get("license", {})
        yield str(entry.get("expression") or licence.get("id") or licence.get("name"))


def faults(found: Sequence[Component]) -> Iterator[str]:
    """A sentence for each package whose licence is not allowed, and each needless exception."""
    refused = {one.name: one for one in found if not is_allowed(one.licences)}
    for name in sorted(refused.keys() - EXCEPTIONS.keys()):
        named = "; ".join(refused[name].licences) or "no licence"
        yield f"{name}: {named} is not allowed"
    for name in sorted(EXCEPTIONS.keys() - refused.keys()):
        yield f"{name} needs no exception any more"


def is_allowed(licences: Sequence[str]) -> bool:
    """Whether every one of them is; of alternatives within one, any."""
    return bool(licences) and all(_is_allowed(licence) for licence in licences)


def _is_allowed(licence: str) -> bool:
    if licence in ALLOWED:
        return True
    try:
        return _holds(LICENSING.parse(licence))
    except ExpressionError:  # a name that is no SPDX expression, and that nobody has allowed
        return False


def _holds(expression: object) -> bool:
    if isinstance(expression, LICENSING.OR):
        return any(_holds(part) for part in expression.args)
    if isinstance(expression, LICENSING.AND):
        return all(_holds(part) for part in expression.args)
    return str(expression) in ALLOWED


if __name__ == "__main__":
    typer.run(main)
