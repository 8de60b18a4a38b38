"""Row-level security changes no answer: every route on a record, for every role and region.

Each request is asked twice, of the service and of one whose login no rule binds, where the
application alone decides. Whatever is written is rolled back, so all of them meet the same world.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.accounts.models import Account, ApiKey, Identity, Role
from app.achievements.models import Achievement
from app.bulk.models import Import
from app.campaigns.models import Campaign
from app.cases.models import Case
from app.corps.models import Corps
from app.demands.models import Demand
from app.dockings.agreements.models import Agreement
from app.dockings.attachments.models import Attachment
from app.dockings.batches.models import InvitationBatch
from app.dockings.models import Docking
from app.dockings.services.models import ServiceRecord
from app.experts.models import Evidence, Expert
from app.interface.models import AuditEntry
from app.main import create_app, services
from app.matches.models import Match, MatchReview, MatchRun, StoredRanker
from app.notices.models import Notice
from app.organizations.models import Membership, Organization
from app.pools.models import SpecialPool
from app.postgres.roles import SERVICE_ROLE
from app.problems.models import CommonProblem
from app.progress.models import Operation
from app.questions.models import Question
from app.settings import Settings
from app.teams.models import Team
from app.webhooks.models import Webhook, WebhookDelivery
from tests.app.row_security.rules import Application
from tests.app.row_security.test_rules import actor
from tests.app.row_security.world import World
from tests.architecture.test_access import protected
from tests.people import GUANGZHOU, YIWU, ZHEJIANG, overwriting

KINDS: dict[str, type[Any]] = {
    "account_id": Account,
    "achievement_id": Achievement,
    "campaign_id": Campaign,
    "delivery_id": WebhookDelivery,
    "demand_id": Demand,
    "docking_id": Docking,
    "batch_id": InvitationBatch,
    "attachment_id": Attachment,
    "agreement_id": Agreement,
    "record_id": ServiceRecord,
    "entry_id": AuditEntry,
    "evidence_id": Evidence,
    "expert_id": Expert,
    "identity_id": Identity,
    "import_id": Import,
    "key_id": ApiKey,
    "match_id": Match,
    "membership_id": Membership,
    "notice_id": Notice,
    "operation_id": Operation,
    "organization_id": Organization,
    "pool_id": SpecialPool,
    "problem_id": CommonProblem,
    "question_id": Question,
    "ranker_id": StoredRanker,
    "review_id": MatchReview,
    "run_id": MatchRun,
    "webhook_id": Webhook,
    "team_id": Team,
    "corps_id": Corps,
    "case_id": Case,
}
# Numbers of the job queue, which is no table of ours.
OTHERS = {"job_id"}
MOST_RECORDS = 2
# What differs from one moment to the next.
VOLATILE = {"request_id", "exported_at", "durations", "entry_id"}
# Sections of an export that tell of the export before, too.
GROWING = {"audit_entries", "unsealed_entries"}
REFUSED = {401, 403, 404}
# Whose answer is a problem whatever the record, since what they need is not in this world.
# They take files, which no example has; what is none is refused before anybody is asked.
UPLOADS = {"POST /dockings/{docking_id}/attachments"}
NEVER_DONE = {"POST /experts/{expert_id}:erase"}


@dataclass(frozen=True, kw_only=True)
class Apps:
    """The service, and one that PostgreSQL lets do everything."""

    bound: FastAPI
    unbound: FastAPI


class Undone(AsyncSession):
    """What a request writes is written, and then undone."""

    async def commit(self) -> None:
        await self.flush()
        await self.rollback()


@pytest.fixture(scope="module")
async def apps(settings: Settings, world_database: URL, world: World) -> AsyncIterator[Apps]:
    """No dependency is overridden: FastAPI would take all apart anew at every request."""
    made = Apps(bound=create_app(settings), unbound=create_app(settings))
    async with (
        services(made.bound, world_database.set(username=SERVICE_ROLE)),
        services(made.unbound, world_database),
    ):
        for app in (made.bound, made.unbound):
            app.state.sessions = async_sessionmaker(class_=Undone, **app.state.sessions.kw)
        yield made


def callers(world: World) -> list[Account]:
    """Every role, in the regions that make a difference."""
    everywhere = {Role.ADMINISTRATOR: {YIWU}, Role.EVALUATOR: {YIWU}}
    scopes = {Role.COORDINATOR: {ZHEJIANG, YIWU, GUANGZHOU}} | everywhere
    return [
        account
        for account in world.of(Account)
        if account.is_active and account.region_code in scopes.get(account.role, {YIWU, GUANGZHOU})
    ]


def sample(world: World, kind: type[Any], accounts: list[Account]) -> list[Any]:
    """Records of which no two are read and changed by the same accounts, spread over all kinds.

    One of them is somebody's own, where anything is.
    """
    rules = [Application(world, a, actor(world, a)).rules[kind] for a in accounts]
    by_rights = {
        tuple((rule.reads(record), rule.changes(record)) for rule in rules): record
        for record in world.of(kind)
    }
    found = list(by_rights.values())
    spread = found[:: max(1, len(found) // MOST_RECORDS)]
    callers_ids = {account.id for account in accounts}
    own = [record for record in found if getattr(record, "account_id", None) in callers_ids]
    return spread if {*own} & {*spread} else [*spread, *own[:1]]


def apart(
    world: World, kind: type[Any], records: list[Any], accounts: list[Account]
) -> list[Account]:
    """Accounts of which no two have the same role and read and change the same of the records."""
    by_rights: dict[Any, Account] = {}
    for account in accounts:
        rule = Application(world, account, actor(world, account)).rules[kind]
        rights = tuple((rule.reads(record), rule.changes(record)) for record in records)
        by_rights.setdefault((account.role, rights), account)
    return list(by_rights.values())


def routes(app: FastAPI) -> Iterator[tuple[str, str, str]]:
    """Parameter, method and path of every route on a record."""
    for route in protected(app):
        method, path = route.split(" ", 1)
        if named := re.findall(r"\{(\w+)\}", path):
            yield named[-1], method, path


def path_of(path: str, name: str, record: Any) -> str:
    ids = {name: record.id} | ({"expert_id": record.expert_id} if name == "evidence_id" else {})
    return path.format(**ids)


def body_of(document: dict[str, Any], method: str, path: str, world: World) -> Any:
    """The document's example, with ids of this world."""
    operation = document["paths"][f"/api/v1{path}"][method.lower()]
    content = operation.get("requestBody", {}).get("content", {})
    example = content.get("application/json", {}).get("example")
    if isinstance(example, dict):
        owner = world.of(Organization)[-3]
        person = next(a for a in world.of(Account) if a.role is Role.EXPERT)
        own = {"organization_id": str(owner.id), "account_id": str(person.id)}
        return example | {name: value for name, value in own.items() if name in example}
    return {} if method == "POST" else None


def seen(method: str, response: Response) -> Any:
    """What must be the same: of a reading everything, of a change how it ended."""
    if not response.content or "json" not in response.headers.get("content-type", ""):
        return response.status_code, response.content if method == "GET" else b""
    body = response.json()
    if method == "GET":
        return response.status_code, _lasting(body)
    names = ("state", "allowed_actions") if response.is_success else ("code", "detail")
    shown = {name: body.get(name) for name in names}
    return response.status_code, shown, [e["pointer"] for e in body.get("errors", [])]


def _lasting(value: Any) -> Any:
    if isinstance(value, list):
        return [_lasting(item) for item in value]
    if isinstance(value, dict):
        numbered = {"id", "happened_at"} if isinstance(value.get("id"), int) else set()  # a change
        if value.get("name") in GROWING:
            return value["name"]
        left = value.keys() - VOLATILE - numbered
        return {name: _lasting(value[name]) for name in left}
    return value


def client(app: FastAPI, account: Account) -> AsyncClient:
    return AsyncClient(
        transport=ASGITransport(app=app, raise_app_exceptions=False),
        base_url="http://test/api/v1",
        headers={"Authorization": f"Bearer {app.state.access_tokens.write(account.id)}"},
        event_hooks={"request": [overwriting]},
    )


def test_every_route_on_a_record_is_asked(application: FastAPI) -> None:
    assert {name for name, _, _ in routes(application)} == set(KINDS) | OTHERS


@pytest.mark.parametrize("name", KINDS)
async def test_answers_are_the_applications_own(apps: Apps, world: World, name: str) -> None:
    accounts, document = callers(world), apps.bound.openapi()
    records = sample(world, KINDS[name], accounts)
    asked = [(m, p, body_of(document, m, p, world)) for n, m, p in routes(apps.bound) if n == name]
    done, refused = Counter[str](), Counter[str]()
    for account in apart(world, KINDS[name], records, accounts):
        async with client(apps.bound, account) as bound, client(apps.unbound, account) as unbound:
            for method, path, body in asked:
                for record in records:
                    call = (method, path_of(path, name, record))
                    answer = await bound.request(*call, json=body)
                    expected = await unbound.request(*call, json=body)
                    where = (account.display_name, call, answer.text, expected.text)
                    assert seen(method, answer) == seen(method, expected), where
                    assert answer.status_code < 500, where
                    counted = refused if answer.status_code in REFUSED else done
                    counted[f"{method} {path}"] += 1
    everything = {f"{method} {path}" for method, path, _ in asked}
    assert set(done) | NEVER_DONE >= everything, "each route lets somebody in"
    assert set(refused) == everything - UPLOADS, "and turns somebody away"
