"""What may be said of a value, an error or a library's message where no personal data may stand.

An error's text quotes values: PostgreSQL's "Key (email)=(…)", Pydantic's inputs, int("…"). So no
text of an error is ever repeated, only what its author wrote once for all: its type, its SQLSTATE,
the names of constraint, table and column, and the lines of code it passed.
"""

import errno
import linecache
import logging
import re
import traceback
from datetime import date, timedelta
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

WITHHELD = "…"
OURS = ("app", "matching", "migrations", "scripts")
# E-mail addresses, numbers as long as a telephone's, and whatever is quoted.
PERSONAL = re.compile(r"""[^\s<>"']+@[^\s<>"']+|\d{7,}|'[^']*'|"[^"]*"|“[^”]*”|「[^」]*」""")


class Plain(str):
    """A text of which whoever logs it knows that it holds nothing personal."""


PLAIN = (bool, int, float, UUID, date, timedelta, Enum, type(None), Plain)
DIAGNOSED = ("constraint_name", "table_name", "column_name")
MAX_FRAMES, MAX_ERRORS = 30, 6


def message_of(record: logging.LogRecord) -> str:
    """The record's message with only such values as are safe.

    What a library put together itself cannot be told from its values: then its place in the
    source speaks instead.
    """
    template = str(record.msg)
    is_ours = record.name.split(".")[0] in OURS
    if not is_ours and template not in "".join(linecache.getlines(record.pathname)):
        return f"{_place(record.pathname)}:{record.lineno}"
    if not record.args:
        return template
    return _filled(template, record.args, is_ours)


def _filled(template: str, arguments: Any, is_ours: bool) -> str:
    try:
        if not isinstance(arguments, dict):
            return template % tuple(safe(value, is_ours=is_ours) for value in arguments)
        if "%(" in template:
            return template % {key: safe(v, is_ours=is_ours) for key, v in arguments.items()}
        return template % safe(arguments, is_ours=is_ours)  # logging unpacks a single mapping
    except (TypeError, ValueError, KeyError):  # "%d" of something that was withheld
        return template


def safe(value: object, *, is_ours: bool = True) -> object:
    """The value itself if it cannot be personal, else what is left of it."""
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, BaseException):
        return " ← ".join(_name(error) for error in _chain(value))
    if isinstance(value, str | Path) and is_ours:
        return PERSONAL.sub(WITHHELD, str(value))
    return WITHHELD


def failure(error: BaseException) -> list[dict[str, Any]]:
    """The error and its causes, outermost first, each with what names it and its way."""
    return [
        {
            "type": _name(found),
            **_diagnosis(found),
            "frames": [
                f"{_place(frame.filename)}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(found.__traceback__)[-MAX_FRAMES:]
            ],
        }
        for found in _chain(error)
    ]


def _chain(error: BaseException) -> list[BaseException]:
    """The error, what it came from, and the first of those that a group holds."""
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found and len(found) < MAX_ERRORS:
        found.append(following)
        following = _cause(following)
    return found


def _cause(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        return error.exceptions[0]
    if error.__cause__ is None and not error.__suppress_context__:
        return error.__context__
    return error.__cause__


def _name(error: BaseException) -> str:
    kind = type(error)
    is_plain = kind.__module__ == "builtins"
    name = kind.__name__ if is_plain else f"{kind.__module__}.{kind.__name__}"
    state = getattr(error, "sqlstate", None)
    return f"{name} {state}" if isinstance(state, str) else name


def _diagnosis(error: BaseException) -> dict[str, str]:
    """What the schema or the operating system calls the fault."""
    if isinstance(error, psycopg.Error):
        named = {name: getattr(error.diag, name) for name in DIAGNOSED}
        return {name: value for name, value in named.items() if value}
    if isinstance(error, OSError) and error.errno is not None:
        return {"errno": errno.errorcode.get(error.errno, str(error.errno))}
    return {}


def _place(filename: str) -> str:
    """The file, from its package on."""
    parts = Path(filename).parts
    if "site-packages" in parts:
        return "/".join(parts[parts.index("site-packages") + 1 :])
    return "/".join(parts[-3:])
