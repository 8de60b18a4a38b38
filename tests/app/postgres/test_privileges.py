"""The system user that PostgreSQL runs as when the caller is root."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.postgres.privileges import SYSTEM_USER

SANDBOX = ["unshare", "--mount", "--propagation", "private"]
# An /etc of the script's own, in which the user is missing and eight processes want it.
SCRIPT = f"""
set -e
cp -a /etc "$1"
mount --bind "$1" /etc
sed -i '/^{SYSTEM_USER}:/d' /etc/passwd /etc/shadow /etc/group /etc/gshadow
for _ in 1 2 3 4 5 6 7 8; do "$2" -c "$3" & done
wait
getent passwd {SYSTEM_USER} | cut -d: -f3
"""
ASK = """
import os
from pathlib import Path
from app.postgres.privileges import server_user
os.write(1, b"%d\\n" % server_user(Path("/nonexistent")).uid)  # in one piece
"""


def may_mount() -> bool:
    return (
        os.geteuid() == 0
        and shutil.which("unshare") is not None
        and subprocess.run([*SANDBOX, "true"], capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not may_mount(), reason="只有能建挂载命名空间的 root 可测 / needs root")
def test_processes_that_start_at_once_add_one_user(tmp_path: Path) -> None:
    command = [*SANDBOX, "sh", "-c", SCRIPT, "sh", str(tmp_path / "etc"), sys.executable, ASK]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    numbers = done.stdout.split()
    assert len(numbers) == 9
    assert len(set(numbers)) == 1
