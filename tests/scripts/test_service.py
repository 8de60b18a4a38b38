"""A service that is measured: what it answers is believed, and ends what waits for it."""

import json

import httpx
import pytest

from app.progress.models import LIVING, OperationState
from scripts.service import Service


def service(state: OperationState) -> Service:
    """A service whose imports are in this state as soon as they are there."""

    def answer(request: httpx.Request) -> httpx.Response:
        status = 202 if request.method == "POST" else 200
        shown = {"id": "1", "state": state, "rejected_count": 0}
        return httpx.Response(status, content=json.dumps(shown))

    transport = httpx.MockTransport(answer)
    return Service(http=httpx.Client(transport=transport, base_url="http://service.test"))


@pytest.mark.parametrize("state", sorted(set(OperationState) - LIVING - {OperationState.DONE}))
def test_an_import_that_ended_otherwise_is_not_waited_for(state: OperationState) -> None:
    with pytest.raises(RuntimeError, match=state):
        service(state).import_rows("experts", [])


def test_an_import_that_is_done_is_enough() -> None:
    service(OperationState.DONE).import_rows("experts", [])
