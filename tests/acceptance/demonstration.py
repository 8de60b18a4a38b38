"""A first start takes ten seconds of a processor; services of tests begin with a copy of one."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.locks import held
from tests.acceptance.processes import serving


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """A VAR_FOLDER whose service was stopped right after its first start."""

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
            with serving(draft, "--no-worker"):
                pass
            for log in draft.glob("*.log"):
                log.unlink()
            os.rename(draft, original)
    return Demonstration(original=original)
