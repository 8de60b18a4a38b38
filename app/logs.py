"""The log: JSON lines for machines, readable ones at a terminal, and no personal data in either.

Everything that this process logs, its libraries and its last words included, goes through one
handler on standard error. `bound` ties a request's or a job's id to all that is logged within.
"""

import copy
import logging
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars, clear_contextvars, get_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

from app.scrubbing import OURS, failure, message_of, safe
from app.settings import LogFormat, Settings

REQUEST_ID = "request_id"
# Libraries speak from here on; below it they tell of every statement with its values.
LIBRARIES = logging.WARNING


def configure(settings: Settings) -> None:
    """Send all logging of this process to standard error as the settings say; again is harmless."""
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h, _Handler)]:
        root.removeHandler(old)
    handler = _Handler()
    handler.setFormatter(formatter(settings, is_terminal=sys.stderr.isatty()))
    root.addHandler(handler)
    root.setLevel(LIBRARIES)
    for name in OURS:
        logging.getLogger(name).setLevel(settings.log_level.upper())
    logging.captureWarnings(True)
    _log_last_words()


def formatter(settings: Settings, *, is_terminal: bool) -> logging.Formatter:
    """The one formatter: it scrubs, and writes JSON or text."""
    is_text = settings.log_format is LogFormat.TEXT
    if settings.log_format is LogFormat.AUTO:
        is_text = is_terminal
    written: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if is_text:
        written += [_as_text, structlog.dev.ConsoleRenderer(colors=is_terminal)]
    else:
        written.append(structlog.processors.JSONRenderer(ensure_ascii=False))
    return _ScrubbingFormatter(
        foreign_pre_chain=[], processors=[*_CHAIN, *written], use_get_message=False
    )


def events(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose lines have fields: `events(__name__).info("request", status=200)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Whatever is logged within the block bears these fields and none from outside it."""
    clear_contextvars()
    with bound_contextvars(**fields):
        yield


def bound_request_id() -> str | None:
    """The id of the request that is being answered, or that caused this job."""
    found: str | None = get_contextvars().get(REQUEST_ID)
    return found


structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
)


class _Handler(logging.StreamHandler[Any]):
    """Known by its class, so that `configure` replaces its own handler and nobody else's."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)


class _ScrubbingFormatter(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        clean = copy.copy(record)
        if not isinstance(record.msg, dict):
            clean.msg, clean.args = message_of(record), ()
        error = record.exc_info[1] if record.exc_info else None
        clean.failure = failure(error) if error is not None else None
        clean.exc_info = clean.exc_text = clean.stack_info = None
        return super().format(clean)


def _add_failure(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    found = getattr(event["_record"], "failure", None)
    if found:
        event["failure"] = found
    return event


def _withhold(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Fields are ours, but a value may be anybody's; a message is scrubbed already."""
    own = {"_record", "_from_structlog", REQUEST_ID}
    if not event["_from_structlog"]:
        own |= {"event"}
    return {key: value if key in own else _safe_field(value) for key, value in event.items()}


def _safe_field(value: object) -> object:
    found = safe(value)
    return found if isinstance(found, bool | int | float | type(None)) else str(found)


def _as_text(_: WrappedLogger, __: str, event: EventDict) -> MutableMapping[str, Any]:
    lines = []
    for error in event.pop("failure", ()):
        named = " ".join(str(v) for key, v in error.items() if key != "frames")
        lines += [named, *(f"  {frame}" for frame in error["frames"])]
    return {**event, "exception": "\n".join(lines)} if lines else event


_CHAIN: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    _withhold,
    _add_failure,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _log_last_words() -> None:
    """What ends a process or a thread unforeseen is logged, not printed with its values."""
    logger = logging.getLogger(__name__)

    def on_error(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            logger.critical("意外终止 · ended unforeseen", exc_info=(kind, error, trace))

    def by_itself(args: "threading.ExceptHookArgs | sys.UnraisableHookArgs") -> None:
        if args.exc_value is not None:
            on_error(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook, threading.excepthook, sys.unraisablehook = on_error, by_itself, by_itself
