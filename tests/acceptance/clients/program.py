"""What a user of the Python client writes: run with the address of a demonstration service."""

import sys
from uuid import uuid4

from shuangku_client import AuthenticatedClient, Client
from shuangku_client.api.accounts import sign_in_with_password
from shuangku_client.api.demands import create_demand, list_demands, read_demand, update_demand
from shuangku_client.api.matches import match_demand
from shuangku_client.models import (
    DemandBody,
    DemandCreate,
    DemandPage,
    DemandUpdate,
    MatchRequest,
    MatchRunWithMatches,
    ProblemBody,
    SignIn,
    Tokens,
)

PASSWORD = "demo-shuangku"


def signed_in(url: str, name: str) -> AuthenticatedClient:
    body = SignIn(email=f"{name}@demo.invalid", password=PASSWORD)
    tokens = sign_in_with_password.sync(client=Client(base_url=url), body=body)
    assert isinstance(tokens, Tokens), tokens
    return AuthenticatedClient(
        base_url=url, token=tokens.access_token, headers={"Accept-Language": "en"}
    )


def published(client: AuthenticatedClient) -> list[DemandBody]:
    """All published demands, page by page."""
    found: list[DemandBody] = []
    cursor: str | None = None
    while True:
        page = list_demands.sync(client=client, limit=20, cursor=cursor, state="published")
        assert isinstance(page, DemandPage), page
        found += page.items
        if not isinstance(page.next_cursor, str):
            return found
        cursor = page.next_cursor


def match(client: AuthenticatedClient, demand: DemandBody) -> None:
    body = MatchRequest(limit=3)
    run = match_demand.sync(demand.id, client=client, body=body)
    assert isinstance(run, MatchRunWithMatches), run
    assert [found.rank for found in run.matches] == [1, 2, 3]
    best = run.matches[0]
    assert best.expert.name
    assert abs(sum(term.value for term in best.contributions) - best.score) < 1e-6


def write(client: AuthenticatedClient) -> None:
    """A draft is made once, however often it is sent, and changed by who saw its version."""
    key = str(uuid4())
    body = DemandCreate(title="客户端程序的需求", keywords=["黄变"], budget="12.5")
    first = create_demand.sync_detailed(client=client, body=body, idempotency_key=key)
    again = create_demand.sync_detailed(client=client, body=body, idempotency_key=key)
    assert first.status_code == again.status_code == 201
    created = first.parsed
    assert isinstance(created, DemandBody)
    assert isinstance(again.parsed, DemandBody)
    assert (created.id, created.state, created.budget) == (again.parsed.id, "draft", "12.5")
    changed = update_demand.sync(
        created.id,
        client=client,
        body=DemandUpdate(problem="浅色袜定型后黄变"),
        if_match=first.headers["ETag"],
    )
    assert isinstance(changed, DemandBody)
    assert changed.problem == "浅色袜定型后黄变"
    stale = update_demand.sync_detailed(
        created.id, client=client, body=DemandUpdate(), if_match=first.headers["ETag"]
    )
    assert isinstance(stale.parsed, ProblemBody)
    assert (stale.status_code, stale.parsed.code) == (412, "precondition_failed")


def meet_problems(client: AuthenticatedClient) -> None:
    missing = read_demand.sync(uuid4(), client=client)
    assert isinstance(missing, ProblemBody)
    assert (missing.status, missing.code, missing.title) == (404, "not_found", "Not found")
    refused = create_demand.sync(client=client, body=DemandCreate(title=""))
    assert isinstance(refused, ProblemBody)
    assert isinstance(refused.errors, list)
    assert [error.pointer for error in refused.errors] == ["/title"]


def main(url: str) -> None:
    coordinator, enterprise = signed_in(url, "coordinator"), signed_in(url, "enterprise")
    demands = published(coordinator)
    assert len({demand.id for demand in demands}) == len(demands) > 40
    match(coordinator, demands[0])
    write(enterprise)
    meet_problems(enterprise)
    print(f"{len(demands)} demands, all well")


if __name__ == "__main__":
    main(sys.argv[1])
