"""A misspelt setting is told, with the name that was meant; others' variables are let alone."""

from pathlib import Path

import pytest

from app.settings import Settings
from app.unknown_settings import unknown_settings


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ENCRYPTION_KEY", "ENCRYPTION_KEYS"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("SHUANGKU_PORT", "PORT"),
        ("SHUANGKU_SECRET_KEY", "SECRET_KEY"),
        ("LOGLEVEL", "LOG_LEVEL"),
    ],
)
def test_a_misspelt_name_of_the_environment(tmp_path: Path, name: str, meant: str) -> None:
    [told] = unknown_settings({name: "hunter2"}, tmp_path)
    assert told.zh == f"环境变量：没有设置项 {name}，是否指 {meant}？"
    assert told.en == f"environment: no setting {name}; is {meant} meant?"


def test_what_is_others_or_a_setting_is_let_alone(tmp_path: Path) -> None:
    others = ("PATH", "HOME", "HOSTNAME", "LOGNAME", "PORTS", "POSTGRES_PASSWORD", "LANG", "PWD")
    known = [field.upper() for field in Settings.model_fields] + ["port", "Secret_Key"]
    of_kubernetes = {"SHUANGKU_PORT": "tcp://10.0.0.1:80", "SHUANGKU_SERVICE_HOST": "10.0.0.1"}
    assert unknown_settings(of_kubernetes, tmp_path) == []
    assert unknown_settings(dict.fromkeys([*others, *known], "x"), tmp_path) == []


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
    told = [text.en for text in unknown_settings({}, tmp_path)]
    assert [text.removeprefix(f"{file}: no setting ") for text in told] == [
        "PROT; is PORT meant?",
        "VAR_FODLER; is VAR_FOLDER meant?",
        "SHUANGKU_HOST; is HOST meant?",
        "ELSE",
    ]
