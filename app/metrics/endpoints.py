"""`/metrics`: what the processes have measured, and what the database knows at this moment."""

import re
import secrets
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from psycopg.errors import QueryCanceled

from app.database import AWAY
from app.interface.errors import Forbidden, NotFound, NotSignedIn
from app.jobs import Waiting, queue
from app.metrics.instruments import exposition
from app.postgres.probe import Probe
from app.settings import MetricsAccess, Settings, SettingsDep

router = APIRouter()

SCRAPING = CapacityLimiter(1)
# Behind a proxy on this machine everybody would come from this machine.
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
# A browser on this machine asks for what any page tells it to, under a name that the page's owner
# may let lead here (DNS rebinding): it says that name.
LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.IGNORECASE)
UNKNOWN_TASK = "unknown"


@router.get("/metrics", include_in_schema=False)
async def show_metrics(request: Request, settings: SettingsDep) -> Response:
    """运行指标 · For Prometheus; METRICS says who may read them."""
    _require_access(request, settings)
    families = await _of_jobs(request.app.state.job_probe)
    text = await to_thread.run_sync(exposition, families, limiter=SCRAPING)
    headers = {"Cache-Control": "no-store"}
    return Response(text, media_type=CONTENT_TYPE_LATEST, headers=headers)


def _require_access(request: Request, settings: Settings) -> None:
    if settings.metrics is MetricsAccess.OFF:
        raise NotFound()
    if settings.metrics is MetricsAccess.LOOPBACK:
        if not _is_loopback(request):
            raise Forbidden()
        return
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    expected = settings.metrics_token.get_secret_value()
    is_right = secrets.compare_digest(token.strip().encode(), expected.encode())
    if scheme.lower() != "bearer" or not is_right:
        raise NotSignedIn()


def _is_loopback(request: Request) -> bool:
    """Whether the request comes from this machine and means it, and not through a proxy on it."""
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    if not LOOPBACK.fullmatch(request.headers.get("host", "")):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False


async def _of_jobs(probe: Probe[Sequence[Waiting]]) -> list[Metric]:
    is_up, rows = True, list[Waiting]()
    try:
        rows = [*await probe.answer()]
    except QueryCanceled:  # the queue was too long to be counted in time; the database is there
        pass
    except AWAY:
        is_up = False
    return [*_families(rows), _single("database_up", "Whether the database answers", is_up)]


def _families(rows: Sequence[Waiting]) -> Iterator[Metric]:
    """Of (task, state, count, seconds that the oldest has waited)."""
    jobs = GaugeMetricFamily("shuangku_jobs", "Jobs in the queue", labels=["task", "state"])
    waiting = GaugeMetricFamily(
        "shuangku_jobs_oldest_waiting_seconds", "How long the oldest due job waits", labels=["task"]
    )
    counts: dict[tuple[str, str], int] = {}
    oldest: dict[str, float] = {}
    for name, state, count, seconds in rows:
        task = name if name in queue.tasks else UNKNOWN_TASK
        counts[task, state] = counts.get((task, state), 0) + count
        if seconds is not None:
            oldest[task] = max(oldest.get(task, 0.0), float(seconds))
    for labels, count in counts.items():
        jobs.add_metric(list(labels), count)
    for task, seconds in oldest.items():
        waiting.add_metric([task], seconds)
    yield jobs
    yield waiting


def _single(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"shuangku_{name}", text, value=value)
