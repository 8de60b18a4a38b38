"""A first start takes ten seconds of a processor; services of tests begin with a copy of one."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg

from app.demands.workflow import SOUGHT
from app.locks import held
from app.postgres import embedded
from tests.acceptance.processes import READY_SECONDS, serving, until

# Demands that were not matched yet, or are to be matched again.
WAITING = """
    SELECT (SELECT count(*) FROM standing_work) + count(*)
    FROM demands LEFT JOIN standing_matches ON demand_id = demands.id
    WHERE state = ANY (%s) AND demand_id IS NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """A VAR_FOLDER whose service was stopped once its worker had matched every demand.

    Each worker that begins with a copy would else match all of them again.
    """

    original: Path

    def copy_to(self, folder: Path) -> Path:
        """The folder, which was empty or missing; PostgreSQL's files keep their owner."""
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", f"{self.original}/.", folder], check=True)
        return folder


def made_once(shared: Path) -> Demonstration:
    """For all workers of a run: whoever comes first makes it."""
    original, draft = shared / "demonstration", shared / "demonstration.draft"
    with held(shared / "demonstration.lock"):
        if not original.exists():
            with serving(draft):
                _wait_for_matches(draft)
            for log in draft.glob("*.log"):
                log.unlink()
            os.rename(draft, original)
    return Demonstration(original=original)


def _wait_for_matches(folder: Path) -> None:
    with (
        embedded.start(folder / "postgres") as server,
        psycopg.connect(server.conninfo, autocommit=True) as connection,
    ):
        until(
            lambda: connection.execute(WAITING, [sorted(SOUGHT)]).fetchone() == (0,),
            seconds=READY_SECONDS,
            what="match of every demand",
        )
