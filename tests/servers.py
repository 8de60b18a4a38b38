"""The PostgreSQL of the tests: in memory, thrown away, one for all the workers of a run."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from app.postgres.embedded import EmbeddedServer, start

PROJECT = Path(__file__).resolve().parent.parent
NEEDED = 1 << 30  # bytes; containers often have a /dev/shm of 64 MB


def start_test_server() -> EmbeddedServer:
    """Join the server of this checkout's tests, or start an empty one.

    A run that was killed leaves its server behind; the next run empties it first.
    """
    checkout = hashlib.sha256(os.fsencode(PROJECT)).hexdigest()[:8]
    return start(_memory() / f"shuangku-tests-{os.geteuid()}-{checkout}", durable=False)


def _memory() -> Path:
    shared = Path("/dev/shm")
    if os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > NEEDED:
        return shared
    return Path(tempfile.gettempdir())
