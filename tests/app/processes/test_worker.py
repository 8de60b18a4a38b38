"""The worker's process must know all that its jobs touch."""

import subprocess
import sys

PROGRAM = """
import app.processes.worker
from app.database import Base
from app.jobs import queue

queue.perform_import_paths()
for table in Base.metadata.tables.values():
    for key in table.foreign_keys:
        key.column
print(len(Base.metadata.tables), *sorted(queue.tasks))
"""


def test_the_worker_knows_every_table_and_every_task() -> None:
    """In a process of its own, since this one has imported everything already."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for task in (
        *("encode_texts", "fit_indexes", "refit_indexes", "run_import", "save_indexes"),
        *("delete_old_jobs", "delete_old_operations", "forget_old_answers", "seal_values"),
    ):
        assert task in done.stdout.split()
