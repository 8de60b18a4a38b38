"""What the doctor asks of the service: the worker, its jobs, the indexes, who helps to match."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import numpy as np
from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.encryption import repository as sealing
from app.encryption.rotation import MissingKeys
from app.interface.language import Text
from app.jobs import STALLED_SECONDS, waiting_jobs
from app.matches.index import fitting, repository
from app.matches.index.encoders import EncoderUnavailable, create_encoder
from app.matches.index.remote import FAILURES
from app.matches.index.reranking import create_reranker
from app.matches.models import Pool
from app.settings import EncoderKind, Settings
from app.upkeep.findings import Finding, bad, good, warning
from app.upkeep.missing_keys import TO_FIND, own_key_ids
from matching import Encoder

WAIT_WARNING = 300.0  # seconds
SETTLING = timedelta(minutes=10)  # what a worker may take to learn new statistics
ENCODER_SECONDS = 20.0
HEARTBEAT = """
    SELECT extract(epoch FROM clock_timestamp() - max(last_heartbeat))::float8
    FROM procrastinate_workers
"""


async def examine_jobs(connection: AsyncConnection, *, is_served: bool) -> AsyncIterator[Finding]:
    row = await (await connection.execute(HEARTBEAT)).fetchone()
    yield worker(row[0] if row else None, is_served=is_served)
    jobs = await waiting_jobs(connection)
    yield failed_jobs({task: count for task, state, count, _ in jobs if state == "failed"})
    waits = {task: float(waited) for task, _, _, waited in jobs if waited is not None}
    yield oldest_job(waits)


def worker(silent_for: float | None, *, is_served: bool) -> Finding:
    """is_served: whether a service runs here; one that was stopped has no worker, either."""
    if silent_for is not None and silent_for < STALLED_SECONDS:
        return good("worker", "后台任务进程在工作", "a worker is alive")
    what = Text("没有后台任务进程", "no worker is alive")
    if silent_for is not None:
        minutes = f"{silent_for / 60:.0f}"
        what = Text(
            f"后台任务进程 {minutes} 分钟没有消息", f"no word of a worker for {minutes} min"
        )
    remedy = Text("运行 shuangku serve 或 shuangku worker", "run shuangku serve or shuangku worker")
    return (bad if is_served else warning)("worker", what, remedy)


def failed_jobs(counts: dict[str, int]) -> Finding:
    if not counts:
        return good("failed_jobs", "没有失败的任务", "no job has failed")
    shown = ", ".join(f"{task} × {count}" for task, count in sorted(counts.items()))
    return warning(
        "failed_jobs",
        Text(f"任务失败：{shown}", f"jobs have failed: {shown}"),
        Text(
            "日志里按 job_id 找原因，再 POST /api/v1/jobs/{id}:retry",
            "look for the job_id in the log, then POST /api/v1/jobs/{id}:retry",
        ),
    )


def oldest_job(waits: dict[str, float]) -> Finding:
    task, seconds = max(waits.items(), key=lambda item: item[1], default=("", 0.0))
    if seconds < WAIT_WARNING:
        return good("waiting_jobs", "任务没有积压", "no job waits for long")
    return warning(
        "waiting_jobs",
        Text(f"{task} 已等待 {seconds / 60:.0f} 分钟", f"{task} has waited {seconds / 60:.0f} min"),
        Text(
            "再开一个 shuangku worker，或查看日志", "run one more shuangku worker, or see the log"
        ),
    )


async def index(session: AsyncSession) -> Finding:
    """Whether every pool has statistics, learned on a pool like the one there is now."""
    for pool in Pool:
        stored = await repository.newest(session, pool)
        candidates = await repository.member_count(session, pool)
        if not candidates:
            continue
        if stored is None:
            return warning(
                "index",
                Text(f"还没有 {pool} 的索引", f"there is no index of {pool} yet"),
                Text("启动服务：shuangku serve", "start the service: shuangku serve"),
            )
        is_outgrown = fitting.has_grown(candidates, stored.candidates)
        if is_outgrown and now() - stored.created_at > SETTLING:
            return warning(
                "index",
                Text(
                    f"{pool} 的索引过时：{stored.candidates} → {candidates}",
                    f"the index of {pool} is stale: of {stored.candidates}, now {candidates}",
                ),
                Text("运行 shuangku worker", "run shuangku worker"),
            )
    return good("index", "索引可用", "the indexes are fit")


async def encryption_keys(session: AsyncSession, settings: Settings) -> Finding:
    """Whether this host has the keys that the database's sealed values need."""
    missing = await sealing.key_ids(session) - own_key_ids(settings)
    if not missing:
        return good("encryption_keys", "加密密钥齐全", "the keys to all sealed values are here")
    file, what = settings.encryption_keys_file.absolute(), MissingKeys(missing).text
    if not settings.encryption_keys and not file.exists():
        what = Text(f"{what.zh}：没有文件 {file}", f"{what.en}: there is no file {file}")
    return bad("encryption_keys", what, TO_FIND.format(kept=file))


async def encoder(settings: Settings) -> Finding:
    """Whether it makes a vector of a short text, soon."""
    if settings.encoder is EncoderKind.NONE:
        return good("encoder", "不使用编码器", "no encoder is used")
    made = await asyncio.to_thread(create_encoder, settings)
    if made is None:
        return warning(
            "encoder",
            Text("本平台没有本地编码器", "no local encoder on this platform"),
            Text("设置 ENCODER=remote 或 none", "set ENCODER=remote or none"),
        )
    began_at = time.monotonic()
    fault = await _fault(made)
    if fault is None:
        shown = f"{made.name}, {time.monotonic() - began_at:.1f} s"
        return good("encoder", f"编码器可用：{shown}", f"the encoder answers: {shown}")
    return bad(
        "encoder",
        Text(f"编码器不可用：{fault}", f"the encoder does not serve: {fault}"),
        Text(
            "检查 ENCODER_URL、ENCODER_MODEL、ENCODER_API_KEY；期间用潜在语义匹配",
            "check ENCODER_URL, ENCODER_MODEL, ENCODER_API_KEY; until then matching uses LSA",
        ),
    )


async def reranker(settings: Settings) -> Finding:
    """Whether it gives scores to two short texts, soon."""
    if settings.reranker_url is None:
        return good("reranker", "不使用重排服务", "no reranker is used")
    until = time.monotonic() + ENCODER_SECONDS
    try:
        await create_reranker(settings).scores("锦纶染色", ["锦纶染整", "茶叶"], until=until)
    except FAILURES as error:
        fault = type(error).__name__
        return bad(
            "reranker",
            Text(f"重排服务不可用：{fault}", f"the reranker does not serve: {fault}"),
            Text(
                "检查 RERANKER_URL、RERANKER_MODEL、RERANKER_API_KEY、RERANKER_FORM；期间不重排",
                "check RERANKER_URL, RERANKER_MODEL, RERANKER_API_KEY, RERANKER_FORM; until then"
                " matches go without",
            ),
        )
    return good("reranker", "重排服务可用", "the reranker answers")


async def _fault(made: Encoder) -> str | None:
    try:
        async with asyncio.timeout(ENCODER_SECONDS):
            vectors = await asyncio.to_thread(made.encode_queries, ["锦纶染色"])
    except TimeoutError:
        return f"> {ENCODER_SECONDS:.0f} s"
    except EncoderUnavailable as error:
        return type(error.__cause__ or error).__name__
    is_usable = np.isfinite(vectors).all() and vectors.any()
    return None if is_usable else "no usable vector"
