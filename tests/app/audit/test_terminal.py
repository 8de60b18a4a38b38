"""What `shuangku audit verify` says to people, and what to programs."""

import io

import pytest
from fastapi import FastAPI
from rich.console import Console

from app.audit.terminal import report
from app.audit.verification import verify
from tests.app.audit.entries import seal, write


async def test_the_anchor_alone_is_on_standard_output(
    app: FastAPI, capsys: pytest.CaptureFixture[str]
) -> None:
    await write(app, 2)
    await seal(app)
    anchor = (await verify(app.state.sessions)).anchor
    capsys.readouterr()
    said = io.StringIO()
    assert await report(app.state.sessions, anchor, Console(file=said))
    assert capsys.readouterr().out == f"{anchor}\n"
    assert "2 条记录" in said.getvalue()
    assert not await report(app.state.sessions, f"9:{'9f' * 32}", Console(file=said))
    assert "链尾被截断或改写（封存 9） · the chain was cut off or rewritten (seal 9)" in (
        said.getvalue()
    )
    assert capsys.readouterr().out == ""
