"""Which logins the service may use, and what becomes of them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from app.postgres.embedded import EmbeddedServer
from app.postgres.errors import RoleError
from app.postgres.probe import conninfo
from app.postgres.roles import SERVICE_ROLE, service_url
from app.settings import Settings
from scripts import service
from tests.app.postgres.logins import Cluster

ADDED = """
INSERT INTO organizations (
    id, name, kind, state, search, version,
    state_reason, supervising_department, introduction, contact_name, contact_phone, contact_email
) VALUES (gen_random_uuid(), '某厂', 'park', 'verified', '', 1, '', '', '', '', '', '')
"""


@pytest.fixture
def cluster(server: EmbeddedServer, settings: Settings) -> Iterator[Cluster]:
    cluster = Cluster(server, settings)
    yield cluster
    cluster.drop()


def as_service(url: URL) -> tuple[str, list[str]]:
    """Who the service is at this address, and which organizations a bare SELECT shows it."""
    address = conninfo(url)
    with psycopg.connect(address) as connection:
        shown = connection.execute("SELECT name FROM organizations").fetchall()
        [user] = connection.execute("SELECT current_user").fetchone() or ("",)
        return user, [name for (name,) in shown]


def started_migration(url: URL, folder: Path) -> subprocess.Popen[bytes]:
    given = {"DATABASE_URL": url.render_as_string(hide_password=False)}
    return subprocess.Popen(
        [*service.COMMAND, "migrate"],
        env=service.environment(folder, **given),
        cwd=folder,
    )


def refused_to_write(url: URL) -> bool:
    with psycopg.connect(conninfo(url)) as connection:
        try:
            connection.execute(ADDED)
        except psycopg.errors.InsufficientPrivilege:
            return True
    return False


async def test_an_owner_who_may_make_no_role_is_bound_itself(cluster: Cluster) -> None:
    owner = cluster.role("owner")
    cluster.run(f"CREATE DATABASE {cluster.database} OWNER {owner}")
    await cluster.migrate(owner)
    cluster.run(ADDED, inside=True)
    url = await service_url(cluster.url(owner))
    assert as_service(url) == (owner, [])
    assert refused_to_write(url)
    await cluster.migrate(owner)  # a second start changes nothing
    assert as_service(await service_url(cluster.url(owner))) == (owner, [])


@pytest.mark.parametrize("powers", ["CREATEROLE", "granted", "SUPERUSER"])
async def test_who_may_become_the_service_does(cluster: Cluster, powers: str) -> None:
    owner = cluster.role("owner", "" if powers == "granted" else powers)
    cluster.run(f"CREATE DATABASE {cluster.database} OWNER {owner}")
    if powers != "SUPERUSER":  # the role is there already, so CREATEROLE alone gives no right to it
        cluster.run(f"GRANT {SERVICE_ROLE} TO {owner}")
    await cluster.migrate(owner)
    cluster.run(ADDED, inside=True)
    url = await service_url(cluster.url(owner))
    assert as_service(url) == (SERVICE_ROLE, [])
    assert refused_to_write(url)
    with psycopg.connect(conninfo(url)) as connection:
        connection.execute("RESET ROLE")  # leads back to what the connection began as
        assert connection.execute("SELECT current_user").fetchone() == (SERVICE_ROLE,)
        assert connection.execute("SELECT name FROM readable.organizations").fetchall() == []
        connection.execute("SELECT set_config('shuangku.scope', 'service', true)")
        assert len(connection.execute("SELECT name FROM readable.organizations").fetchall()) == 1


async def test_a_login_that_no_rule_binds_is_refused(cluster: Cluster) -> None:
    owner, reader = cluster.role("owner"), cluster.role("reader", "BYPASSRLS")
    cluster.run(f"CREATE DATABASE {cluster.database} OWNER {owner}")
    await cluster.migrate(owner)
    with pytest.raises(RoleError, match=f"GRANT {SERVICE_ROLE} TO {reader}"):
        await service_url(cluster.url(reader))
    cluster.run(f"GRANT {SERVICE_ROLE} TO {reader}")
    assert "role=shuangku_service" in str((await service_url(cluster.url(reader))).query["options"])


async def test_an_owner_who_may_become_the_service_no_more_is_refused(cluster: Cluster) -> None:
    """It could read all that the views of lists are made of, until the next migration."""
    owner = cluster.role("owner")
    cluster.run(f"CREATE DATABASE {cluster.database} OWNER {owner}")
    cluster.run(f"GRANT {SERVICE_ROLE} TO {owner}")
    await cluster.migrate(owner)
    cluster.run(f"REVOKE {SERVICE_ROLE} FROM {owner}")
    with pytest.raises(RoleError):
        await service_url(cluster.url(owner))
    await cluster.migrate(owner)
    assert as_service(await service_url(cluster.url(owner))) == (owner, [])


async def test_the_service_needs_an_owner_only_to_migrate(cluster: Cluster) -> None:
    owner, login = cluster.role("owner"), cluster.role("login")
    cluster.run(f"CREATE DATABASE {cluster.database} OWNER {owner}")
    cluster.run(f"GRANT {SERVICE_ROLE} TO {owner}, {login}")
    await cluster.migrate(owner)
    await cluster.migrate(login)
    assert as_service(await service_url(cluster.url(login))) == (SERVICE_ROLE, [])
    cluster.run("UPDATE alembic_version SET version_num = '0001'", inside=True)
    with pytest.raises(RoleError, match=f"shuangku migrate as {owner}"):
        await cluster.migrate(login)


async def test_databases_migrated_at_once_share_the_role(
    cluster: Cluster, server: EmbeddedServer, settings: Settings, tmp_path: Path
) -> None:
    """By processes of their own, as when several services start on one server."""
    others = [Cluster(server, settings) for _ in range(2)]
    try:
        for each in others:
            cluster.run(f"CREATE DATABASE {each.database}")
        running = [started_migration(each.url("postgres"), tmp_path) for each in others]
        assert [process.wait() for process in running] == [0, 0]
        for each in others:
            assert as_service(await service_url(each.url("postgres"))) == (SERVICE_ROLE, [])
    finally:
        for each in others:
            each.drop()


def test_options_with_spaces_reach_libpq_as_they_were_meant() -> None:
    url = URL.create("postgresql+psycopg", "a", "p+ d", "h", 1, "d").update_query_dict(
        {"options": "-c role=x -c y=z"}
    )
    parsed = psycopg.conninfo.conninfo_to_dict(conninfo(url))
    assert parsed["options"] == "-c role=x -c y=z"
    assert (parsed["password"], parsed["user"], parsed["dbname"]) == ("p+ d", "a", "d")
