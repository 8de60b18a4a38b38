"""How a command is run: signals end it, and an expected failure is one line.

The libraries are imported when something is run: help needs none of them.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

console = Console(stderr=True)
OBJECTS_UNTIL_COLLECTION = 50_000  # new ones; most of a request at work end by themselves
_command: ContextVar[str] = ContextVar("command", default="")


@contextmanager
def commanded(name: str) -> Iterator[None]:
    """Name the command: what it changes stands in the audit log under this name."""
    token = _command.set(name)
    try:
        yield
    finally:
        _command.reset(token)


def run(
    work: Coroutine[None, None, None],
    *,
    when_stopped: int = 130,
    warns: bool = True,
    examines: bool = False,
) -> None:
    """Run a command; an expected failure is one line, not a traceback.

    `when_stopped`: the exit code after SIGINT or SIGTERM, which are the only end of a service.
    `warns`: of settings that are none; a service tells of them in its own way.
    `examines`: whether the command itself tells of settings that are at fault, and goes on.
    """
    import psycopg
    from pydantic import ValidationError
    from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

    from app.interface.errors import Problem
    from app.operators import OperatorError
    from app.scrubbing import safe

    try:
        _run(work, warns=warns, examines=examines)
    except asyncio.CancelledError:
        raise typer.Exit(when_stopped) from None
    except Problem as problem:
        texts = [error.message for error in problem.errors] or [problem.detail or problem.title]
        fail("；".join(text.in_both for text in texts))
    except ValidationError as error:
        fail("；".join(_fault(e) for e in error.errors()))
    except OperatorError as error:
        fail(str(error))
    except ArgumentError:
        fail("DATABASE_URL 无法识别 · cannot be read: postgresql://user:password@host:5432/name")
    except (DBAPIError, psycopg.OperationalError) as error:
        is_away = isinstance(error, OperationalError | psycopg.OperationalError)
        # Any other error's text may quote values.
        reason = " ".join(str(getattr(error, "orig", error) if is_away else safe(error)).split())
        fail(f"数据库不可用 · the database is not available: {reason}")
    except OSError as error:
        fail(str(error))
    finally:
        work.close()  # never begun, if the settings are at fault


def _run(work: Coroutine[None, None, None], *, warns: bool, examines: bool) -> None:
    from pydantic import ValidationError
    from uvicorn.loops.auto import auto_loop_factory

    from app import logs
    from app.interface.auditing import working
    from app.processes.bad_settings import read_settings, setting_faults
    from app.processes.unknown_settings import unknown_settings
    from app.settings import Settings

    try:
        settings = read_settings().settings if examines else Settings()
    except ValidationError as error:
        fail("；".join(fault.line for fault in setting_faults(error)))
    collect_little()
    logs.configure(settings)
    for text in unknown_settings() if warns else ():
        warning = escape(text.in_both)
        console.print(f"[yellow]![/] {warning}", highlight=False, soft_wrap=True)
    # The loop that uvicorn's own command line would choose: uvloop, where there is one.
    with (
        working(f"command {_command.get()}"),
        asyncio.Runner(loop_factory=auto_loop_factory()) as runner,
    ):
        runner.run(_until_signalled(work))


def collect_little() -> None:
    """Let the collector pass over what was imported: for a service 400,000 objects that stay.

    To look them through takes 0.3 s each time.
    """
    gc.freeze()
    gc.set_threshold(OBJECTS_UNTIL_COLLECTION)
    gc.enable()


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """End the process where the block exits: to take apart what it has loaded takes a second."""
    try:
        yield
    except SystemExit as end:
        with suppress(BrokenPipeError):  # whoever read has heard enough
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else 0)


async def _until_signalled(work: Coroutine[None, None, None]) -> None:
    """A signal cancels the command, so that all it has opened is closed."""
    loop = asyncio.get_running_loop()
    working = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, working.cancel)
    await working


# What a person types, as the commands' prompts call it.
CALLED = {
    "email": "邮箱 · e-mail",
    "password": "密码 · password",
    "display_name": "显示名 · display name",
}


def _fault(error: ErrorDetails) -> str:
    """The name of the value or setting, and what is wrong with it."""
    from app.interface.validation import field_errors

    [fault] = field_errors([{**error, "loc": ("query", *error["loc"])}])
    name = CALLED.get(fault.pointer, fault.pointer)
    return f"{name}: {fault.message.in_both}".removeprefix(": ")


def fail(message: str) -> NoReturn:
    console.print(f"[red]✗[/] {escape(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(1)
