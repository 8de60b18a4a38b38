"""What is measured, for Prometheus: one scrape of any process shows all processes of this folder.

`share` must come before the first measurement of a process. Each then writes into files of its
own (see `files`), and a scrape adds them up, those of ended processes too, so that no sum ever
falls. Without `share` (commands, tests) a process measures for itself.
"""

import asyncio
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from app.metrics import files
from app.metrics.files import SUMS

logger = logging.getLogger(__name__)

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # where the library asks for the folder, at each file
TICK_SECONDS = 5.0

Mode = Literal["livemax", "livemin", "livesum", "liveall"]  # only living processes count
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
STAGE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
JOB_BUCKETS = (0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0)
WAIT_BUCKETS = (0.001, 0.01, 0.05, 0.25, 1.0, 5.0, 10.0)


class Instruments:
    """Every metric that a process writes; labels have few values, none that a caller can make.

    Each has a label: one without would open its file at once, before `share` has said where.
    """

    def __init__(self, registry: CollectorRegistry | None) -> None:
        self.registry = registry
        self.requests = Counter(
            "shuangku_requests",
            "Requests that have ended",
            ["route", "method", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "shuangku_request_seconds",
            "From a request to the end of its answer",
            ["route", "method"],
            registry=registry,
            buckets=REQUEST_BUCKETS,
        )
        self.stage_seconds = Histogram(
            "shuangku_match_stage_seconds",
            "Stages of a match",
            ["stage"],
            registry=registry,
            buckets=STAGE_BUCKETS,
        )
        self._measure_indexes(registry)
        self._measure_jobs(registry)
        self._measure_connections(registry)
        self.audit_entries_lost = Counter(
            "shuangku_audit_entries_lost",
            "Entries that the database refused for good",
            ["error"],
            registry=registry,
        )
        self.resident_bytes = _gauge(
            "process_resident_bytes", "Memory, with what is shared", registry, "role", "liveall"
        )
        self.loop_lag_seconds = _gauge(
            "event_loop_lag_seconds", "How late the last tick came", registry, "role", "livemax"
        )

    def _measure_indexes(self, registry: CollectorRegistry | None) -> None:
        self.candidates = _gauge(
            "index_candidates", "Candidates in the live index", registry, "pool", "livemax"
        )
        self.pending = _gauge(
            "index_pending_vectors", "Candidates without vectors", registry, "pool", "livemax"
        )
        self.texts_waiting = _gauge(
            "texts_waiting",
            "Texts that the pass under way has yet to encode",
            registry,
            "encoder",
            "livemax",
        )
        self.texts_encoded = Counter(
            "shuangku_texts_encoded", "Vectors made for the pools", ["encoder"], registry=registry
        )
        self.endpoint_requests = Counter(
            "shuangku_endpoint_requests",
            "Requests to a remote encoder and to the reranker, each attempt",
            ["service", "outcome"],
            registry=registry,
        )
        self.current_at = _gauge(
            "index_current_timestamp_seconds",
            "When the index last held all that was committed, in the process furthest behind",
            registry,
            "pool",
            "livemin",
        )
        self.fitted_at = _gauge(
            "index_fitted_timestamp_seconds",
            "When the statistics in use were learned, in the process furthest behind",
            registry,
            "pool",
            "livemin",
        )

    def _measure_jobs(self, registry: CollectorRegistry | None) -> None:
        self.jobs_ended = Counter(
            "shuangku_jobs_ended", "Jobs that have ended", ["task", "outcome"], registry=registry
        )
        self.job_seconds = Histogram(
            "shuangku_job_seconds",
            "From a job's start to its end",
            ["task"],
            registry=registry,
            buckets=JOB_BUCKETS,
        )

    def _measure_connections(self, registry: CollectorRegistry | None) -> None:
        self.connections = _gauge(
            "database_connections_in_use", "Taken from the pool", registry, "pool", "livesum"
        )
        self.connection_limit = _gauge(
            "database_connections_limit", "The pool's largest size", registry, "pool", "livesum"
        )
        self.connection_wait_seconds = Histogram(
            "shuangku_database_connection_wait_seconds",
            "Waits for a connection while all were in use",
            ["pool"],
            registry=registry,
            buckets=WAIT_BUCKETS,
        )


def _gauge(
    name: str, text: str, registry: CollectorRegistry | None, label: str, mode: Mode
) -> Gauge:
    return Gauge(f"shuangku_{name}", text, [label], registry=registry, multiprocess_mode=mode)


class _Measuring:
    """The instruments of this process, and the folder that they are shared through."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.claim: files.Claim | None = None
        self.instruments = Instruments(CollectorRegistry())

    def forget_claim(self) -> None:
        if self.claim is not None:
            self.claim.lock.close()


_measuring = _Measuring()


def instruments() -> Instruments:
    """Ask anew for each measurement: `share` makes new ones."""
    return _measuring.instruments


def share(folder: Path) -> None:
    """Write this process's measurements where the others of the folder are, if there is room."""
    try:
        kinds = [*SUMS, *(f"gauge_{mode}" for mode in get_args(Mode))]
        claim = files.claim(folder, kinds)
    except OSError as error:
        logger.warning("this process measures for itself alone: %s", type(error).__name__)
        return
    os.environ[FOLDER_VARIABLE] = str(folder)
    values.ValueClass = values.MultiProcessValue(lambda: claim.owner)  # type: ignore[no-untyped-call]
    _measuring.forget_claim()
    _measuring.folder, _measuring.claim = folder, claim
    _measuring.instruments = Instruments(None)


def exposition(families: Iterable[Metric] = ()) -> bytes:
    """All measurements in Prometheus' text format, and the given ones of this moment.

    Blocking: it reads every process's files.
    """
    found, folder = CollectorRegistry(), _measuring.folder
    if folder is None:
        own = _measuring.instruments.registry
        assert own is not None
        return generate_latest(own) + generate_latest(_with(found, families))
    with files.settled(folder):
        MultiProcessCollector(found, path=str(folder))  # type: ignore[no-untyped-call]
        return generate_latest(_with(found, families))


class _Fixed(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _with(registry: CollectorRegistry, families: Iterable[Metric]) -> CollectorRegistry:
    registry.register(_Fixed(families))
    return registry


async def keep_measuring(role: str) -> None:
    """Measure this process itself until cancelled."""
    process, loop = psutil.Process(), asyncio.get_running_loop()
    while True:
        with suppress(psutil.Error):
            memory = process.memory_info().rss
            instruments().resident_bytes.labels(role).set(memory)
        due_at = loop.time() + TICK_SECONDS
        await asyncio.sleep(TICK_SECONDS)
        instruments().loop_lag_seconds.labels(role).set(max(0.0, loop.time() - due_at))
