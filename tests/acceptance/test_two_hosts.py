"""Two hosts on one database behind a balancer: whoever answers, it is one service."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.service import signed_in
from tests.acceptance.balancer import Balancer, balancing
from tests.acceptance.load import under_load
from tests.acceptance.processes import (
    COORDINATOR,
    PASSWORD,
    STOP_SECONDS,
    Running,
    environment,
    names_in,
    preview,
    run,
    serving,
    until,
)
from tests.acceptance.test_two_processes import LONGEST, admitted, essence, match, timed_names

DRAIN_SECONDS = "5"
CREDENTIALS = {"email": COORDINATOR, "password": PASSWORD}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hosts")


@pytest.fixture(scope="module")
def hosts(folder: Path, database_url: str) -> Iterator[tuple[Running, Running]]:
    """The first has two processes; each has a folder of its own, as hosts do."""
    with (
        serving(
            folder / "first",
            "--demo",
            "--no-worker",
            PROCESSES="2",
            DATABASE_URL=database_url,
            DRAIN_SECONDS=DRAIN_SECONDS,
        ) as first,
        serving(folder / "second", DATABASE_URL=database_url) as second,
    ):
        yield first, second


@pytest.fixture(scope="module")
def balancer(hosts: tuple[Running, Running]) -> Iterator[Balancer]:
    with balancing(*(host.url for host in hosts)) as balancer:
        yield balancer


@pytest.fixture(scope="module")
def headers(balancer: Balancer) -> dict[str, str]:
    answer = httpx.post(f"{balancer.url}/api/v1/auth:sign-in", json=CREDENTIALS, timeout=60)
    return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


@pytest.fixture(scope="module")
def clients(
    hosts: tuple[Running, Running], headers: dict[str, str]
) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """One token, at either host."""
    first, second = hosts
    with (
        httpx.Client(base_url=first.url, headers=headers, timeout=60) as one,
        httpx.Client(base_url=second.url, headers=headers, timeout=60) as other,
    ):
        for http in (one, other):
            preview(http, "预热")  # dictionaries load at the first match of a process
        yield one, other


def test_a_session_goes_on_at_the_other_host(hosts: tuple[Running, Running]) -> None:
    first, second = (f"{host.url}/api/v1/auth" for host in hosts)
    tokens = httpx.post(f"{first}:sign-in", json=CREDENTIALS).json()
    for host, used in ((second, tokens), (first, tokens)):
        given = {"refresh_token": used["refresh_token"]}
        answer = httpx.post(f"{host}:refresh", json=given)
        if host == second:
            assert answer.is_success
        else:  # a token that comes twice ends its chain, wherever it comes
            assert answer.status_code == httpx.codes.UNAUTHORIZED


def test_a_cursor_leads_on_at_the_other_host(clients: tuple[httpx.Client, httpx.Client]) -> None:
    whole = clients[0].get("/api/v1/experts", params={"limit": 60}).json()["items"]
    pages: list[dict[str, Any]] = []
    cursor: str | None = None
    for turn in range(6):
        asked = {"limit": 10} | ({"cursor": cursor} if cursor else {})
        page = clients[turn % 2].get("/api/v1/experts", params=asked).raise_for_status().json()
        pages += page["items"]
        cursor = page["next_cursor"]
    assert pages == whole


def test_entity_tags_mean_the_same_at_both(clients: tuple[httpx.Client, httpx.Client]) -> None:
    one, other = clients
    expert_id = created(one, "标签测试")
    path = f"/api/v1/experts/{expert_id}"
    tags = [http.get(path).headers["ETag"] for http in clients]
    assert tags[0] == tags[1]
    assert other.get(path, headers={"If-None-Match": tags[0]}).status_code == 304
    done = other.patch(path, json={"title": "教授"}, headers={"If-Match": tags[0]})
    assert done.is_success
    late = one.patch(path, json={"title": "讲师"}, headers={"If-Match": tags[1]})
    assert late.status_code == httpx.codes.PRECONDITION_FAILED
    assert one.get(path).json() == other.get(path).json()


def test_a_request_that_comes_twice_is_done_once(
    clients: tuple[httpx.Client, httpx.Client], balancer: Balancer, headers: dict[str, str]
) -> None:
    """Twenty at once through the balancer, then one more at each host."""
    name = f"幂等{secrets.token_hex(4)}"
    key = {"Idempotency-Key": secrets.token_hex(16)}

    def post(url: str) -> httpx.Response:
        sent = headers | key
        return httpx.post(f"{url}/api/v1/experts", json={"name": name}, headers=sent, timeout=60)

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(post, [balancer.url] * 20))
    answers += [post(str(http.base_url).rstrip("/")) for http in clients]
    ids = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(ids) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}  # one under way, or done
    assert all(answer.headers["Idempotent-Replayed"] == "true" for answer in answers[-2:])
    found = clients[0].get("/api/v1/experts", params={"text": name}).json()["items"]
    assert len(found) == 1


def test_both_match_alike(clients: tuple[httpx.Client, httpx.Client]) -> None:
    found = clients[0].get("/api/v1/demands", params={"state": "published", "limit": 3}).json()
    for demand in found["items"]:
        one, other = (match(http, demand["id"]) for http in clients)
        assert one["index_version"] == other["index_version"] != ""
        assert essence(one) == essence(other)


def test_who_is_admitted_at_one_is_found_at_the_other(
    clients: tuple[httpx.Client, httpx.Client],
) -> None:
    assert LONGEST <= 1.0
    admitted(clients[0], "主机甲", "潮汐能叶片空蚀防护")
    assert timed_names(clients[1], "潮汐能叶片空蚀防护")[0] == "主机甲"
    admitted(clients[1], "主机乙", "竹纤维仿生减震鞋底")
    assert timed_names(clients[0], "竹纤维仿生减震鞋底")[0] == "主机乙"


def test_reload_and_stop_behind_the_balancer_lose_no_request(
    hosts: tuple[Running, Running], balancer: Balancer, headers: dict[str, str], folder: Path
) -> None:
    first, second = hosts
    with under_load(balancer.url, headers) as account:
        account.wait_for(40)
        port = first.url.rpartition(":")[2]
        assert run(environment(folder / "first", PORT=port), "reload").returncode == 0
        account.wait_for(40)
        first.process.terminate()
        until(lambda: stops(first.url), seconds=STOP_SECONDS, what="word of it")
        answer = httpx.get(f"{first.url}/livez", timeout=60)  # still served, on a last connection
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert first.process.wait(timeout=STOP_SECONDS) == 0
        account.wait_for(40)
    print(f"{len(account.ends)} requests, connections by host: {list(balancer.handed.values())}")
    assert not account.failed
    assert all(balancer.handed.values())
    with signed_in(balancer.url, COORDINATOR, PASSWORD) as coordinator:
        assert "主机甲" in names_in(preview(coordinator.http, "潮汐能叶片空蚀防护"))
    assert second.process.poll() is None


def stops(url: str) -> bool:
    """Whether every process that may take a connection says that its service stops."""
    answers = [httpx.get(f"{url}/readyz", timeout=60) for _ in range(8)]
    said = [(answer.status_code, answer.json().get("errors")) for answer in answers]
    return all(
        status == 503 and [(e["pointer"], e["code"]) for e in errors] == [("service", "stopping")]
        for status, errors in said
    )


def created(http: httpx.Client, name: str) -> str:
    response = http.post("/api/v1/experts", json={"name": name})
    return str(response.raise_for_status().json()["id"])
