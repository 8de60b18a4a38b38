"""The Dockerfile and compose.yaml name only what this checkout has."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from app.postgres.roles import SERVICE_ROLE
from app.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "compose.yaml").read_text(encoding="utf-8"))
OURS = {name: part for name, part in COMPOSE["services"].items() if part["image"] == "shuangku"}


def _copied() -> list[str]:
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, flags=re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def test_image_copies_what_exists_and_is_not_ignored() -> None:
    let_in = (PROJECT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {"app", "pyproject.toml", "requirements.lock"} <= set(_copied())
    for source in _copied():
        assert (PROJECT / source).exists(), source
        assert f"!{source}" in let_in


@pytest.mark.parametrize("name", OURS)
def test_command_exists(name: str) -> None:
    program, *arguments = OURS[name]["command"]
    command = [Path(sys.executable).with_name(program), *arguments, "--help"]
    assert subprocess.run(command, cwd=PROJECT, capture_output=True).returncode == 0


@pytest.mark.parametrize("name", OURS)
def test_environment_holds_settings(name: str) -> None:
    assert {key.lower() for key in OURS[name]["environment"]} <= set(Settings.model_fields)


def test_image_sets_settings() -> None:
    [block] = re.findall(r"^ENV (.+(?:\\\n.+)*)", DOCKERFILE, flags=re.MULTILINE)
    names = {name.lower() for name in re.findall(r"(\w+)=", block)}
    assert names - {"path", "pythonunbuffered"} <= set(Settings.model_fields)


def test_the_login_is_no_superuser() -> None:
    """Or it would step over the rules that bind the service."""
    postgres = COMPOSE["services"]["postgres"]
    assert "POSTGRES_USER" not in postgres["environment"]
    [address] = {part["environment"]["DATABASE_URL"] for part in OURS.values()}
    login = re.search(r"//(\w+):", address)
    assert login is not None
    assert login[1] != "postgres"
    roles = COMPOSE["configs"]["roles"]["content"]
    assert f"CREATE ROLE {login[1]} LOGIN PASSWORD" in roles
    assert f"GRANT {SERVICE_ROLE} TO {login[1]};" in roles


def test_service_and_worker_wait_for_the_migration() -> None:
    for name in ("service", "worker"):
        condition = OURS[name]["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully"
    assert OURS["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


@pytest.mark.parametrize("name", OURS)
def test_container_may_do_and_write_as_little_as_possible(name: str) -> None:
    part = OURS[name]
    assert part["read_only"] is True
    assert part["cap_drop"] == ["ALL"]
    assert part["security_opt"] == ["no-new-privileges:true"]
    assert (part["tmpfs"], part["volumes"]) == (["/tmp"], ["var:/var/lib/shuangku"])
    assert not {"privileged", "cap_add", "user", "network_mode", "pid", "devices"} & set(part)


def test_postgresql_gains_no_privileges_either() -> None:
    assert COMPOSE["services"]["postgres"]["security_opt"] == ["no-new-privileges:true"]
    assert set(COMPOSE["volumes"]) == {"data", "var"}


def test_image_runs_as_an_ordinary_user_by_number() -> None:
    [user] = re.findall(r"^USER (.+)$", DOCKERFILE, flags=re.MULTILINE)
    assert int(user) >= 1000
    assert f"useradd --uid {user} " in DOCKERFILE
    folder = re.findall(r"VAR_FOLDER=(\S+)", DOCKERFILE)
    assert re.findall(r"^VOLUME (.+)$", DOCKERFILE, flags=re.MULTILINE) == folder


def test_image_says_what_it_is() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f'org.opencontainers.image.version="{project["version"]}"' in DOCKERFILE
    for label in ("title", "description", "revision"):
        assert f"org.opencontainers.image.{label}=" in DOCKERFILE
