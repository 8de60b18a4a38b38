"""Measure the local encoder: `python -m scripts.benchmark_encoding [--texts 2000]`.

An embedded database gets so many experts with a short generated text each. `shuangku encode` is
begun on it, killed with -9 after a quarter, and begun again: what it encodes then, and how long it
takes, is what is told; `resumed_without_repeat` says whether that was exactly what was missing.

`cpu_share` is the part of all cores' time that the process had: a busy machine gives it less.
100,000 texts are not encoded but extrapolated. Progress goes to standard error; the last line of
the output is one JSON object.
"""

import asyncio
import json
import os
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

import app.models  # noqa: F401  a flush must know every table that a foreign key names
from app.database import open_engine
from app.experts.models import Expert, ExpertKind, ExpertState
from app.experts.operations import index_text
from app.matches.models import StoredVector
from app.postgres.server import database_server
from app.processes.preparation import prepared
from app.scopes import create_sessions
from app.settings import Settings
from scripts import service

# Words of two characters each.
TERMS = (
    "锦纶涤纶染色黄变控制针织整理茶园害虫绿色防控加工耐火材料高温窑炉衬里永磁电机伺服驱动红外图像融合"
    "缺陷检测电解固态电池界面芯片模拟集成设计催化过滤废水处理结构疲劳振动焊接铸造涂层腐蚀智能算法优化"
)
WORDS = [TERMS[at : at + 2] for at in range(0, len(TERMS), 2)]
SHORTEST, LONGEST = 4, 20  # words of a text
EXTRAPOLATED = 100_000
SAID = re.compile(r"(\d+) texts encoded, ")

out = Console(stderr=True)


def make_texts(count: int, seed: int) -> list[str]:
    """So many different texts of 8 to 40 characters."""
    chosen = random.Random(seed)
    texts: dict[str, None] = {}
    while len(texts) < count:
        texts["".join(chosen.choices(WORDS, k=chosen.randint(SHORTEST, LONGEST)))] = None
    return list(texts)


async def fill(owner: AsyncEngine, texts: list[str]) -> None:
    async with create_sessions(owner).begin() as session:
        for number, text in enumerate(texts):
            expert = Expert(
                name=f"专家{number}",
                kind=ExpertKind.EXPERT,
                state=ExpertState.IN_POOL,
                title="",
                organization_name="",
                disciplines=[],
                research_directions=[text],
                specialities=[],
                introduction="",
                evidence=[],
            )
            index_text(expert)
            session.add(expert)


async def stored(session: AsyncSession) -> int:
    found = await session.scalar(select(func.count(StoredVector.key))) or 0
    await session.rollback()
    return found


def begin(own: Mapping[str, str]) -> psutil.Popen:
    command = [*service.COMMAND, "encode"]
    return psutil.Popen(command, env=own, stderr=subprocess.PIPE, encoding="utf-8")


async def killed_after(session: AsyncSession, own: Mapping[str, str], texts: int) -> int:
    """Begin, kill -9 once so many texts are stored; how many are then."""
    process = begin(own)
    while await stored(session) < texts:
        if process.poll() is not None:
            raise RuntimeError(process.stderr.read())
        await asyncio.sleep(0.1)
    process.kill()
    process.wait()
    return await stored(session)


def finished(own: Mapping[str, str]) -> tuple[int, float, float]:
    """Encode what is left: how many texts that were, in how many seconds, and those of CPU."""
    process, began_at, used = begin(own), time.monotonic(), 0.0
    while process.poll() is None:
        if process.status() != psutil.STATUS_ZOMBIE:
            times = process.cpu_times()
            used = times.user + times.system
        time.sleep(0.1)
    seconds, said = time.monotonic() - began_at, process.stderr.read()
    if (found := SAID.search(said)) is None:
        raise RuntimeError(said)
    return int(found[1]), seconds, used


async def measured(texts: int, seed: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="shuangku-") as folder:
        settings = Settings(_env_file=None, var_folder=Path(folder))
        own = service.environment(Path(folder), ENCODER="local")
        async with (
            database_server(settings) as database,
            prepared(database, settings),
            open_engine(database.owner, settings) as owner,
            create_sessions(owner)() as session,
        ):
            out.print(f"写入 · writing {texts} experts")
            await fill(owner, make_texts(texts, seed))
            out.print("编码后中断 · encoding, to be killed")
            kept = await killed_after(session, own, texts // 4)
            out.print(f"继续 · {kept} are stored, going on")
            made, seconds, used = await asyncio.to_thread(finished, own)
            total = await stored(session)
    rate = made / seconds
    return {
        "texts_per_s": round(rate, 1),
        "cpu_share": round(used / seconds / (os.cpu_count() or 1), 2),
        "resumed_without_repeat": made == total - kept and total >= texts,
        "texts": total,
        "kept_when_killed": kept,
        "encoded_after": made,
        "cpu_ms_per_text": round(1000 * used / made, 1),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        f"extrapolated_seconds_for_{EXTRAPOLATED}": round(EXTRAPOLATED / rate),
    }


def main(
    texts: Annotated[int, typer.Option(min=200)] = 2_000,
    seed: Annotated[int, typer.Option()] = 1,
) -> None:
    typer.echo(json.dumps(asyncio.run(measured(texts, seed))))


if __name__ == "__main__":
    typer.run(main)
