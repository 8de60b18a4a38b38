"""POST to a real receiver that fails in every way, and to nowhere else."""

import socket
import time
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

import pytest

from app.outgoing.addresses import Address, Allowed, target_of
from app.outgoing.posting import SHOWN, Answer, Resolve, post, resolved
from tests.certificates import server_context
from tests.receiver import HOST, Receiver, receiver

HERE = Allowed.of([HOST, "localhost", "hook.test"])
SECONDS = 0.4


async def answer_to(url: str, *, resolve: Resolve = resolved) -> Answer:
    target, fields = target_of(url, HERE), {"X-Test": "yes"}
    return await post(target, b"{}", fields, allowed=HERE, seconds=SECONDS, resolve=resolve)


class Names:
    """A resolver of the tests, which counts how often it is asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked += 1
        return [ip_address(address) for address in self.answers.pop(0)]


@pytest.fixture(scope="module")
def plain() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@pytest.fixture
def server(plain: Receiver) -> Receiver:
    plain.received.clear()
    return plain


@pytest.mark.parametrize(
    ("way", "status", "error"),
    [
        *(("fine", 200, ""), ("500", 500, ""), ("410", 410, ""), ("redirect", 302, "")),
        *(("hang", None, "timeout"), ("drip", None, "timeout"), ("cut", None, "broken")),
        *(("garbage", None, "broken"), ("endless", 200, "")),
    ],
)
async def test_what_comes_of_it(server: Receiver, way: str, status: int | None, error: str) -> None:
    began_at = time.monotonic()
    answer = await answer_to(server.url(f"/{way}?a=b&c"))
    assert time.monotonic() - began_at < SECONDS + 0.5
    assert (answer.status_code, answer.error) == (status, error)
    [received] = server.received  # a redirect is not followed
    assert received.path == f"/{way}?a=b&c"
    assert received.headers["host"] == f"{HOST}:{server.port}"
    assert (received.headers["x-test"], received.body) == ("yes", b"{}")
    if way == "500":
        assert answer.excerpt.startswith("busy.")
        assert len(answer.excerpt) == SHOWN


async def test_nobody_is_there() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        port = taken.getsockname()[1]
        assert (await answer_to(f"http://{HOST}:{port}/")).error == "connection"


async def test_a_name_that_nobody_knows() -> None:
    async def resolve(host: str, port: int) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    assert (await answer_to("http://hook.test/", resolve=resolve)).error == "name"


@pytest.mark.parametrize("name", ["a..test", f"{'a' * 64}.test"])
async def test_what_can_be_no_name(name: str) -> None:
    assert (await answer_to(f"https://{name}/")).error == "name"


@pytest.mark.parametrize(
    ("certified", "is_trusted", "error"),
    [("localhost", True, ""), ("other.test", True, "tls"), ("localhost", False, "tls")],
)
async def test_tls_verifies_the_name(certified: str, is_trusted: bool, error: str) -> None:
    with receiver(server_context(certified, is_trusted=is_trusted)) as server:
        answer = await answer_to(server.url("/fine", "localhost"), resolve=Names([HOST]))
        assert answer.error == error
        assert len(server.received) == (0 if error else 1)
        if not error:
            assert server.received[0].headers["host"] == f"localhost:{server.port}"


@pytest.mark.parametrize("addresses", [[HOST], ["1.1.1.1", HOST], ["::ffff:127.0.0.1"], []])
async def test_a_host_that_leads_inside_is_not_called(
    server: Receiver, addresses: list[str]
) -> None:
    target = target_of(server.url("/fine", "hook.test"), HERE)
    others, names = Allowed.of(["another.test"]), Names(addresses)
    answer = await post(target, b"", {}, allowed=others, seconds=1, resolve=names)
    assert (answer.error, server.received) == ("address", [])


async def test_the_connection_goes_to_the_address_that_was_looked_at(server: Receiver) -> None:
    """The name leads there once only, and no system's resolver knows it."""
    names = Names(["127.0.0.2", HOST], ["192.0.2.1"])  # nobody listens at the first
    answer = await answer_to(server.url("/fine", "hook.test"), resolve=names)
    assert (answer.status_code, names.asked) == (200, 1)


async def test_this_machines_own_resolver() -> None:
    assert ip_address(HOST) in await resolved("localhost", 80)
