"""A misspelt setting is told, with the name that was meant; others' variables are let alone."""

from pathlib import Path

import pytest

from app.processes.unknown_settings import (
    unknown_in_environment,
    unknown_in_file,
    unknown_settings,
)
from app.settings import Settings


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ENCRYPTION_KEY", "ENCRYPTION_KEYS"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("SHUANGKU_PORT", "PORT"),
        ("SHUANGKU_SECRET_KEY", "SECRET_KEY"),
        ("LOGLEVEL", "LOG_LEVEL"),
        ("PROT", "PORT"),
        ("HSOT", "HOST"),
        ("LOG_LEVLE", "LOG_LEVEL"),
    ],
)
def test_a_misspelt_name_of_the_environment(name: str, meant: str) -> None:
    [told] = unknown_in_environment([name])
    assert told.zh == f"环境变量：没有设置项 {name}，是否指 {meant}？"
    assert told.en == f"environment: no setting {name}; is {meant} meant?"


def test_what_is_others_or_a_setting_is_let_alone() -> None:
    others = ("PATH", "HOME", "HOSTNAME", "LOGNAME", "PORTS", "POSTGRES_PASSWORD", "LANG", "PWD")
    known = [field.upper() for field in Settings.model_fields] + ["port", "Secret_Key"]
    assert list(unknown_in_environment([*others, *known])) == []


def test_both_places_are_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert unknown_settings() == []
    monkeypatch.setenv("SECRETKEY", "hunter2")
    (tmp_path / ".env").write_text("SECRET=hunter2\n")
    told = [text.en for text in unknown_settings()]
    assert told == [
        "environment: no setting SECRETKEY; is SECRET_KEY meant?",
        f"{tmp_path / '.env'}: no setting SECRET",
    ]


def test_every_unknown_name_of_the_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    names = (
        "PORT",
        "PROT",
        "export VAR_FODLER",
        "SHUANGKU_HOST",
        "ELSE",
        "POSTGRES_PASSWORD",
    )
    file.write_text("# NOTE=1\n" + "".join(f"{name}=hunter2\n" for name in names))
    told = [text.en for text in unknown_in_file(file)]
    assert [text.removeprefix(f"{file}: no setting ") for text in told] == [
        "PROT; is PORT meant?",
        "VAR_FODLER; is VAR_FOLDER meant?",
        "SHUANGKU_HOST; is HOST meant?",
        "ELSE",
    ]
