"""Every route is asked here, streams too, which else go on for a quarter of an hour."""

import pytest

from app.progress import events


@pytest.fixture(autouse=True)
def _short_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LONGEST_SECONDS", 0.0)
