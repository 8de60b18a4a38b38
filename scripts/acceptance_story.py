"""Play the whole story of a demand over HTTP, from import to the solved problem.

    python -m scripts.acceptance_story CASES_DIR [--url URL]

The files of CASES_DIR are described in app/evaluation/cases.py. Without a URL a service with its
worker starts on an empty database in a temporary folder. Each step says what happened as a person
would, after what every party sees of it was checked. The last line is one JSON object; the exit
code is 1 unless every step has passed.
"""

import json
import time
from inspect import getdoc
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.markup import escape

from app.evaluation.cases import UnreadableCases, read_cases
from scripts.service import own_service, signed_in
from scripts.story.chapters import STEPS, Stage
from scripts.story.people import cast_of

console = Console(stderr=True, highlight=False)


def play(stage: Stage) -> int:
    """How many steps have passed; those behind one that has not are not played."""
    for number, one in enumerate(STEPS, start=1):
        began_at = time.monotonic()
        title = (getdoc(one) or one.__name__).splitlines()[0]
        try:
            told = one(stage)
        except (AssertionError, httpx.HTTPError, KeyError, LookupError) as error:
            console.print(f"[red]✗[/] {number:2}  {escape(title)}\n      {escape(repr(error))}")
            return number - 1
        seconds = time.monotonic() - began_at
        console.print(f"[green]✓[/] {number:2}  {escape(title)}")
        console.print(f"      {escape(told)}  [dim]{seconds:.1f} s[/]")
    return len(STEPS)


def main(
    cases_dir: Path,
    url: Annotated[str, typer.Option(help="a running service, instead of an own one")] = "",
    email: Annotated[str, typer.Option(envvar="SHUANGKU_EMAIL")] = "",
    password: Annotated[str, typer.Option(envvar="SHUANGKU_PASSWORD")] = "",
) -> None:
    """Play the story of the first demand that somebody was docked with."""
    try:
        cases = read_cases(cases_dir)
    except UnreadableCases as error:
        console.print(f"[red]✗[/] {escape(str(error))}")
        raise typer.Exit(2) from None
    opened = signed_in(url, email, password) if url else own_service(console)
    with opened as service, cast_of(service) as cast:
        passed = play(Stage(service=service, cases=cases, cast=cast))
    print(json.dumps({"steps": len(STEPS), "passed": passed}))
    raise typer.Exit(0 if passed == len(STEPS) else 1)


if __name__ == "__main__":
    typer.run(main)
