"""What the tests of faults share: how often, on which service, and the account of it all."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import pytest

from tests.acceptance.demonstration import Demonstration
from tests.faults.house import House, open_house

FAULT, FAULTS = "fault", "tests/faults/"
_entries: dict[str, dict[str, object]] = {}


@dataclass(eq=False)
class Tally:
    """What became of a fault: how much was acknowledged before it, and found after it."""

    rounds: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    recovered: int = 0

    def each(self, rounds: int) -> Iterator[int]:
        """The rounds' numbers; each counts as it begins."""
        for number in range(rounds):
            self.rounds += 1
            yield number

    def add(self, *, acknowledged: int, lost: int = 0, doubled: int = 0) -> None:
        """The round is over, and the service works again."""
        self.recovered += 1
        self.acknowledged += acknowledged
        self.lost += lost
        self.doubled += doubled


@pytest.fixture(scope="session")
def few_rounds(rounds: int) -> int:
    """Of a fault whose round takes its time."""
    return max(1, rounds // 5)


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """The test's own, which is also the entry of its fault in the account."""
    counted = Tally()
    yield counted
    request.node.user_properties.append((FAULT, asdict(counted)))
    assert counted.rounds == counted.recovered > 0
    assert counted.lost == counted.doubled == 0


@pytest.fixture(scope="package")
def house(
    tmp_path_factory: pytest.TempPathFactory, demonstration: Demonstration
) -> Iterator[House]:
    """One service for all faults that leave it, or whoever starts it again, in order."""
    with open_house(demonstration.copy_to(tmp_path_factory.mktemp("house") / "var")) as opened:
        yield opened


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Gather the entries; a fault that was not survived, or not tried, says so."""
    if FAULTS not in report.nodeid and FAULT not in dict(report.user_properties):
        return
    name = report.location[2].removeprefix("test_")
    entry = _entries.setdefault(name, {})
    entry.update(*(value for key, value in report.user_properties if key == FAULT))
    if not report.passed:
        entry[report.outcome] = str(report.longrepr).splitlines()[-1]


def pytest_unconfigure() -> None:
    """The last line of the run is the account."""
    if _entries:
        print(json.dumps(_entries, ensure_ascii=False), flush=True)
