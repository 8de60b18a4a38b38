from collections.abc import Iterator

import pytest
from prometheus_client import values

from app.metrics import instruments


@pytest.fixture(autouse=True)
def afresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(values, "ValueClass", values.MutexValue)
    monkeypatch.setenv(instruments.FOLDER_VARIABLE, "")
    measuring = instruments._Measuring()
    monkeypatch.setattr(instruments, "_measuring", measuring)
    yield
    measuring.forget_claim()
