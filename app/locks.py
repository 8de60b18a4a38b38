"""Locks on files, which the kernel frees however their holder dies."""

import fcntl
from typing import IO


def take(lock: IO[bytes]) -> bool:
    """Take the open file for oneself alone, if nobody else has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
