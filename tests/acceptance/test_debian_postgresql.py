"""The same on the PostgreSQL of Debian 12, started by an ordinary user in a folder of its own."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from pydantic_core import from_json

from app.bulk.demonstration.pool import DATA
from app.postgres.privileges import ENVIRONMENT, make_private, privileges, server_user
from scripts.service import Service, free_port, signed_in
from tests.acceptance.processes import (
    environment,
    names_in,
    preview,
    run,
    serving,
)

INSTALLED = Path("/usr/lib/postgresql")
OLDEST = 15
EMAIL, PASSWORD = "admin@test.invalid", "a-long-password"


@pytest.fixture(scope="module")
def binaries() -> Path:
    """Of the oldest installed version that the service supports."""
    versions = sorted(int(p.name) for p in INSTALLED.glob("*") if p.name.isdecimal())
    for version in versions:
        if version >= OLDEST and (INSTALLED / str(version) / "bin" / "postgres").exists():
            return INSTALLED / str(version) / "bin"
    pytest.skip(f"no PostgreSQL {OLDEST} or newer under {INSTALLED}: apt install postgresql-15")


@pytest.fixture(scope="module")
def debian_url(binaries: Path) -> Iterator[str]:
    """A server on a free port; for root it runs as the embedded server's user does."""
    with tempfile.TemporaryDirectory(prefix="shuangku-debian-") as name:
        folder, port = Path(name), free_port()
        user = server_user(folder / "data")
        make_private(folder, user)
        command = privileges(user, folder, binaries)

        def control(program: str, *arguments: str) -> None:
            with (folder / "log").open("ab") as log:
                subprocess.run(
                    [*command, binaries / program, f"--pgdata={folder / 'data'}", *arguments],
                    check=True,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env=ENVIRONMENT,
                )

        control("initdb", "--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8")
        options = f"-cport={port} -clisten_addresses=127.0.0.1 -cfsync=off"
        control("pg_ctl", "start", "--wait", f"--options={options} -cunix_socket_directories=''")
        try:
            with psycopg.connect(_url(port, "postgres"), autocommit=True) as connection:
                connection.execute("CREATE DATABASE shuangku")
            yield _url(port, "shuangku")
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                control("pg_ctl", "stop", "--mode=immediate")


def _url(port: int, database: str) -> str:
    return f"postgresql://postgres@127.0.0.1:{port}/{database}"


def test_a_backup_of_the_embedded_server_is_restored_there(
    debian_url: str, database_url: str, tmp_path: Path
) -> None:
    """The way to a server of one's own, which is of an earlier version as often as not."""
    embedded = environment(tmp_path, DATABASE_URL=database_url)
    for command in (["migrate"], ["create-administrator", EMAIL, "--password", PASSWORD]):
        assert run(embedded, *command).returncode == 0
    dump = tmp_path / "moved.dump"
    done = run(embedded, "backup", str(dump))
    assert done.returncode == 0, done.stderr

    with psycopg.connect(debian_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE moved")
    moved = debian_url.removesuffix("shuangku") + "moved"
    done = run(environment(tmp_path, DATABASE_URL=moved), "restore", str(dump))
    assert done.returncode == 0, done.stderr
    with psycopg.connect(moved) as connection:
        assert connection.execute("SELECT email FROM accounts").fetchall() == [(EMAIL,)]
    again = run(environment(tmp_path, DATABASE_URL=moved), "restore", str(dump), "--replace")
    assert again.returncode == 0, again.stderr


@pytest.fixture(scope="module")
def administrator(debian_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("debian")
    settings = environment(folder, DATABASE_URL=debian_url)
    for command in (["migrate"], ["create-administrator", EMAIL, "--password", PASSWORD]):
        made = run(settings, *command)
        assert made.returncode == 0, made.stderr
    with (
        serving(folder, DATABASE_URL=debian_url) as running,
        signed_in(running.url, EMAIL, PASSWORD) as service,
    ):
        yield service


def test_the_server_is_debians(debian_url: str, binaries: Path) -> None:
    with psycopg.connect(debian_url) as connection:
        assert connection.info.server_version // 10_000 == int(binaries.parent.name)


def test_import_and_match(administrator: Service) -> None:
    http = administrator.http
    assert http.get("/api/v1/experts").json()["items"] == []  # DATABASE_URL: no demonstration
    rows = [from_json(line) for line in (DATA / "experts.jsonl").read_bytes().splitlines()]
    administrator.import_rows("experts", rows)

    found = preview(http, "晶硅电池紫外失钝与氢迁移")
    assert rows[0]["name"] in names_in(found)[:3]
    assert len(administrator.external_ids("experts")) == len(rows)

    sorted_by_name = http.get("/api/v1/experts", params={"sort": "name_pinyin", "limit": 200})
    names = [expert["name_pinyin"] for expert in sorted_by_name.json()["items"]]
    assert names == sorted(names)

    by_text = http.get("/api/v1/experts", params={"text": "钝化"}).raise_for_status().json()
    assert rows[0]["name"] in [expert["name"] for expert in by_text["items"]]


def test_migrations_run_twice(administrator: Service, debian_url: str, tmp_path: Path) -> None:
    again = run(environment(tmp_path, DATABASE_URL=debian_url), "migrate")
    assert (again.returncode, again.stdout) == (0, "")
    assert administrator.http.get("/readyz").status_code == httpx.codes.OK
