"""Backup, restore and doctor, of owners whom row-level security binds like the service."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.database import create_engine
from app.postgres.embedded import EmbeddedServer
from app.postgres.probe import conninfo
from app.postgres.roles import SERVICE_ROLE, service_url
from app.settings import Settings
from app.upkeep import doctor
from app.upkeep.backup import back_up
from app.upkeep.findings import Finding, State
from app.upkeep.restore import RestoreRefused, restore
from tests.app.postgres.logins import Cluster
from tests.app.postgres.test_roles import ADDED, as_service
from tests.app.upkeep.test_backup import miscount

SEEN = "SELECT count(*) FROM readable.organizations"


@pytest.fixture
def clusters(server: EmbeddedServer, settings: Settings) -> Iterator[list[Cluster]]:
    clusters = [Cluster(server, settings) for _ in range(2)]
    yield clusters
    for cluster in clusters:
        cluster.drop()


def owned(cluster: Cluster, *, may_step_down: bool) -> str:
    """An owner without powers, and an empty database of theirs."""
    owner = cluster.role("owner")
    if may_step_down:
        cluster.run(f"GRANT {SERVICE_ROLE} TO {owner}")
    cluster.run(f"CREATE DATABASE {cluster.database} OWNER {owner}")
    return owner


@pytest.mark.parametrize("may_step_down", [True, False])
async def test_a_backup_holds_all_and_is_restored_by_another_owner(
    clusters: list[Cluster], settings: Settings, tmp_path: Path, may_step_down: bool
) -> None:
    first, second = clusters
    owner = owned(first, may_step_down=may_step_down)
    await first.migrate(owner)
    first.run(ADDED, inside=True)
    manifest = await back_up(first.url(owner), tmp_path / "one.dump", keys={})
    assert manifest.tables["organizations"][0] == 1

    heir = owned(second, may_step_down=may_step_down)
    engine = create_engine(second.url(heir), settings)
    await restore(engine, second.url(heir), tmp_path / "one.dump")
    await engine.dispose()
    url = await service_url(second.url(heir))
    assert as_service(url) == (SERVICE_ROLE if may_step_down else heir, [])
    with psycopg.connect(conninfo(url)) as connection:
        connection.execute("SELECT set_config('shuangku.scope', 'service', true)")
        assert connection.execute(SEEN).fetchone() == (1,)


async def test_lists_still_work_after_a_restore_that_failed(
    clusters: list[Cluster], settings: Settings, tmp_path: Path
) -> None:
    cluster, file = clusters[0], tmp_path / "one.dump"
    owner = owned(cluster, may_step_down=True)
    await cluster.migrate(owner)
    await back_up(cluster.url(owner), file, keys={})
    cluster.run(ADDED, inside=True)
    miscount(file)
    engine = create_engine(cluster.url(owner), settings)
    with pytest.raises(RestoreRefused):
        await restore(engine, cluster.url(owner), file, replaces=True)
    await engine.dispose()
    with psycopg.connect(conninfo(await service_url(cluster.url(owner)))) as connection:
        connection.execute("SELECT set_config('shuangku.scope', 'service', true)")
        assert connection.execute(SEEN).fetchone() == (1,)


async def examined(settings: Settings, cluster: Cluster, login: str) -> dict[str, Finding]:
    address = cluster.url(login).render_as_string(hide_password=False)
    given = settings.model_dump() | {"database_url": address}
    found = [f async for f in doctor.examine(Settings(_env_file=None, **given))]
    return {finding.check: finding for finding in found}


async def test_the_doctor_sees_whether_the_rules_bind(
    clusters: list[Cluster], settings: Settings
) -> None:
    cluster = clusters[0]
    owner = owned(cluster, may_step_down=True)
    await cluster.migrate(owner)
    login = cluster.role("login")
    cluster.run(f"GRANT {SERVICE_ROLE} TO {login}")
    for who in (owner, login):  # the one who migrates, and one who only serves
        found = await examined(settings, cluster, who)
        for check in ("rights", "powers", "schema", "row_security"):
            assert found[check].state is State.GOOD, (who, check)

    reader = cluster.role("reader", "BYPASSRLS IN ROLE pg_read_all_data, pg_write_all_data")
    found = await examined(settings, cluster, reader)
    assert found["row_security"].state is State.BAD
    assert f"GRANT {SERVICE_ROLE} TO {reader}" in found["row_security"].remedy.en  # type: ignore[union-attr]

    cluster.run("ALTER TABLE demands NO FORCE ROW LEVEL SECURITY", inside=True)
    found = await examined(settings, cluster, owner)
    assert found["row_security"].state is State.BAD
    assert "demands" in found["row_security"].what.en
