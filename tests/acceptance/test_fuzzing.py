"""The whole OpenAPI document against the running service: nothing may surprise a client."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.demonstration import Demonstration
from tests.acceptance.processes import ADMINISTRATOR, COORDINATOR, PASSWORD, Running, serving
from tests.faults.garbage import FIXED_SEED, new_seed

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIG = Path(__file__).with_name("schemathesis.toml")
SECONDS, LONG_SECONDS = 10, 120


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, demonstration: Demonstration
) -> Iterator[Running]:
    folder = demonstration.copy_to(tmp_path_factory.mktemp("fuzzing"))
    with serving(folder, "--no-worker", RATE_LIMITS="all=1000000/60") as running:
        yield running


@pytest.mark.parametrize("email", [ADMINISTRATOR, COORDINATOR])
def test_schemathesis_finds_nothing(
    service: Running,
    email: str,
    tmp_path: Path,
    rounds: int,
    record_property: Callable[[str, object], None],
) -> None:
    """Every check, on examples, boundary values, random data and chains of calls.

    The same data each time, that nobody's change fails by chance; `make faults` looks further.
    """
    seed, seconds = (FIXED_SEED, SECONDS) if rounds == 1 else (new_seed(), LONG_SECONDS)
    print(f"schemathesis --seed {seed}")
    record_property("fault", {"rounds": 1, "seed": seed})
    credentials = {"email": email, "password": PASSWORD}
    tokens = httpx.post(f"{service.url}/api/v1/auth:sign-in", json=credentials, timeout=60).json()
    done = subprocess.run(
        [
            SCHEMATHESIS,
            "--config-file",
            CONFIG,
            "run",
            f"{service.url}/openapi.json",
            "--header",
            f"Authorization: Bearer {tokens['access_token']}",
            "--checks",
            "all",
            "--max-time",
            str(seconds),
            "--seed",
            str(seed),
            "--continue-on-failure",
            "--no-color",
        ],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert "Tested" in done.stdout
