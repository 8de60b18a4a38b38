"""What is wrong with a setting is told, and the others are read all the same."""

from pathlib import Path

import pytest

from app.processes.bad_settings import read_settings
from app.settings import EncoderKind, MetricsAccess


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRAIN_SECONDS", "7")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "abc", "PORT=abc: Should be a whole number (environment)"),
        ("SECRET_KEY", "hunter2", "SECRET_KEY: too short"),
        ("ENCRYPTION_KEYS", "hunter2", "ENCRYPTION_KEYS: "),
        ("ENCODER", "remote", "ENCODER=remote needs ENCODER_URL and ENCODER_MODEL"),
        ("METRICS", "token", "METRICS=token needs METRICS_TOKEN of at least 16 characters"),
        ("SIGN_IN_PROVIDERS", '[{"client_secret": "hunter2"', "SIGN_IN_PROVIDERS: is not JSON"),
        ("RATE_LIMITS", "reads=x", "RATE_LIMITS=reads=x: "),
    ],
)
def test_each_has_its_default_and_the_others_stay(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    read = read_settings()
    [fault] = read.faults
    assert (fault.name, read.settings.drain_seconds) == (name.lower(), 7)
    assert fault.text.en.startswith(told)
    assert fault.text.zh
    assert "hunter2" not in fault.text.zh + fault.line


def test_all_are_told_also_those_that_lie_in_several_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"PORT": "abc", "ENCODER": "remote", "METRICS": "token"}.items():
        monkeypatch.setenv(name, value)
    read = read_settings()
    assert [fault.name for fault in read.faults] == ["port", "encoder", "metrics"]
    found = read.settings
    assert (found.encoder, found.metrics) == (EncoderKind.LOCAL, MetricsAccess.LOOPBACK)


def test_nothing_is_wrong_with_what_is_right() -> None:
    assert read_settings().faults == ()
