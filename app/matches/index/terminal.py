"""Encoding as people see it in the terminal: a bar with its rate, and what is left."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic

from rich import progress as bars
from rich.console import Console

from app.matches.index.encoders import EncoderUnavailable
from app.matches.index.encoding import MatchingWork, Progress, Tell, encode_all
from app.matches.index.ranking import create_matcher
from app.operators import OperatorError
from app.scopes import Sessions
from app.settings import Settings

LINE_SECONDS = 30.0  # between two lines, where nobody watches a bar


async def encode_with_progress(settings: Settings, sessions: Sessions, console: Console) -> str:
    """Encode all that waits; what to say of it. Raises OperatorError without an encoder.

    sessions: in the scope of the index.
    """
    matcher = create_matcher(settings, sessions)  # nothing is fitted: no secret key is made
    if matcher.encoder is None:
        raise OperatorError(
            "没有编码器：设置 ENCODER=remote，或在有本地编码器的平台上设置 ENCODER=local",
            "there is no encoder: set ENCODER=remote, or ENCODER=local where there is a local one",
        )
    work, began_at = MatchingWork(sessions=sessions, matcher=matcher), monotonic()
    try:
        with _bar(console) as tell:
            made = await encode_all(work, matcher.encoder, tell)
    except EncoderUnavailable as error:
        raise OperatorError(
            "编码器不可用，已完成的部分已保存：再次运行将从中断处继续",
            "the encoder does not serve; what was done is kept: run it again to go on from there",
            details=type(error.__cause__ or error).__name__,
        ) from error
    seconds = monotonic() - began_at
    if not made:
        return "没有待编码的文本 · no text waits for its vector"
    rate = f"{made / seconds:.1f}"
    return f"已编码 {made} 条文本 · {made} texts encoded, {seconds:.0f} s, {rate} texts/s"


@contextmanager
def _bar(console: Console) -> Iterator[Tell]:
    """A bar for as long as the block; where nobody watches, a line now and then."""
    if not console.is_interactive:
        yield _lines(console)
        return
    text, count = bars.TextColumn("{task.description}", markup=False), bars.MofNCompleteColumn()
    rate, left = bars.TextColumn("{task.fields[rate]}"), bars.TextColumn("{task.fields[left]}")
    columns = (text, bars.BarColumn(), count, rate, left)
    with bars.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("编码 · encoding", total=None, rate="", left="")

        def tell(progress: Progress) -> None:
            bar.update(task, completed=progress.done, total=progress.total)
            bar.update(task, rate=_rate(progress), left=_left(progress))

        yield tell


def _lines(console: Console) -> Tell:
    told_at = monotonic()

    def tell(progress: Progress) -> None:
        nonlocal told_at
        if monotonic() - told_at < LINE_SECONDS:
            return
        told_at, so_far = monotonic(), f"{progress.done}/{progress.total}"
        line = f"编码 · encoding {so_far} {_rate(progress)} {_left(progress)}"
        console.print(line, highlight=False, soft_wrap=True)

    return tell


def _rate(progress: Progress) -> str:
    return f"{progress.per_second:.1f} texts/s"


def _left(progress: Progress) -> str:
    if progress.seconds_left is None:
        return ""
    return f"剩余 · left {timedelta(seconds=round(progress.seconds_left))}"
