"""In which order the tests run, and which worker runs which."""

import pytest
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

ACCEPTANCE = "tests/acceptance/"
# They wait more than they work: one worker's, beside three that work.
WAITING = (
    "tests/faults/",
    *(f"{ACCEPTANCE}test_{name}.py" for name in ("operations", "upkeep", "two_hosts")),
)
SPREAD = frozenset({"tests/app/row_security/test_routes.py"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones early, so that at the end no worker waits for another, but not all at once.

    Starts of services wait for much, the others work: files of both kinds take turns, until in
    the middle of the run the long ones are through.
    """
    files = list(dict.fromkeys(_file(item) for item in items))
    shared = [file for file in files if not file.startswith(WAITING)]
    long = [file for file in shared if file.startswith(ACCEPTANCE)]
    others = [file for file in shared if not file.startswith(ACCEPTANCE)]
    place = {file: number / len(long) / 2 for number, file in enumerate(long)}
    place |= {file: number / len(others) for number, file in enumerate(others)}
    items.sort(key=lambda item: place.get(_file(item), -1.0))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> "Sharing":
    return Sharing(config, log)


class Sharing(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """Workers take whole files, but of the longest one single tests.

    What waits is one worker's, the faults among it, which would else meet each other's; it ends
    with that: four that work are slower on two cores than three.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        if file in SPREAD:
            return nodeid
        return WAITING[0] if file.startswith(WAITING) else file

    def _reschedule(self, node: WorkerController) -> None:
        if WAITING[0] in self.assigned_work[node]:
            node.shutdown()  # once it has done what it has
        else:
            super()._reschedule(node)
