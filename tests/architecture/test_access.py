"""Every route and every role: who is let in, who must sign in, who is turned away."""

import re
from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx import AsyncClient

from app.accounts.models import Role
from tests.people import People, new_key

UNKNOWN = "00000000-0000-7000-8000-000000000000"

EVERYBODY = frozenset(Role)
ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
STAFF = ADMINISTRATOR | {Role.COORDINATOR}
# Accounts that are somebody's own; an administrator closes the others.
PEOPLE = frozenset({Role.ENTERPRISE, Role.EXPERT})

PUBLIC = frozenset(
    {
        "GET /",
        "GET /docs",
        "GET /docs/oauth2-redirect",
        "GET /livez",
        "GET /metrics",  # who may read it, says a setting
        "GET /openapi.json",
        "GET /readyz",
        "GET /api/v1/confidentiality-terms",
        "GET /api/v1/consent-purposes",
        "GET /api/v1/countries",
        "GET /api/v1/disciplines",
        "GET /api/v1/industries",
        "GET /api/v1/regions",
        "GET /api/v1/technology-fields",
        "GET /api/v1/auth/providers",
        "POST /api/v1/auth:finish-sign-in",
        "POST /api/v1/auth:finish-with-provider",
        "POST /api/v1/auth:refresh",
        "POST /api/v1/auth:request-password-reset",
        "POST /api/v1/auth:reset-password",
        "POST /api/v1/auth:sign-in",
        "POST /api/v1/auth:sign-out",
        "POST /api/v1/auth:start-with-provider",
        "POST /api/v1/organizations:register",
    }
)

# Which roles get past the door. Only where staff alone can ever act does it turn a role away: who
# may do what with one record follows from the parties to it, whatever the role.
ACCESS = {
    "GET /me": EVERYBODY,
    "PATCH /me": EVERYBODY,
    "POST /me:change-password": EVERYBODY,
    "GET /me/personal-data": EVERYBODY,
    "POST /me:erase": PEOPLE,
    "GET /me/second-factor": EVERYBODY,
    "POST /me/second-factor:enrol": EVERYBODY,
    "POST /me/second-factor:confirm": EVERYBODY,
    "POST /me/second-factor:renew-recovery-codes": EVERYBODY,
    "POST /me/second-factor:disable": EVERYBODY,
    "GET /me/identities": EVERYBODY,
    "POST /me/identities": EVERYBODY,
    "POST /me/identities:start": EVERYBODY,
    "DELETE /me/identities/{identity_id}": EVERYBODY,
    "GET /accounts": STAFF,
    "POST /accounts": STAFF,
    "GET /accounts/{account_id}": STAFF,
    "PATCH /accounts/{account_id}": STAFF,
    "POST /accounts/{account_id}:issue-password-reset": STAFF,
    "POST /accounts/{account_id}:reset-second-factor": ADMINISTRATOR,
    "GET /api-keys": EVERYBODY,
    "POST /api-keys": EVERYBODY,
    "DELETE /api-keys/{key_id}": EVERYBODY,
    "GET /organizations": EVERYBODY,
    "POST /organizations:batch": EVERYBODY,
    "POST /organizations": STAFF,
    "GET /organizations/{organization_id}": EVERYBODY,
    "PATCH /organizations/{organization_id}": EVERYBODY,
    "POST /organizations/{organization_id}:verify": STAFF,
    "POST /organizations/{organization_id}:reject": STAFF,
    "GET /memberships": EVERYBODY,
    "POST /memberships:batch": EVERYBODY,
    "POST /memberships": EVERYBODY,
    "GET /memberships/{membership_id}": EVERYBODY,
    "POST /memberships/{membership_id}:approve": STAFF,
    "POST /memberships/{membership_id}:revoke": EVERYBODY,
    "GET /operations": EVERYBODY,
    "GET /operations/{operation_id}": EVERYBODY,
    "GET /operations/{operation_id}/events": EVERYBODY,
    "POST /operations/{operation_id}:cancel": EVERYBODY,
    "GET /experts": EVERYBODY,
    "POST /experts:batch": EVERYBODY,
    "POST /experts": EVERYBODY,
    "GET /experts/{expert_id}": EVERYBODY,
    "PATCH /experts/{expert_id}": EVERYBODY,
    "POST /experts/{expert_id}:submit": EVERYBODY,
    "POST /experts/{expert_id}:begin-review": EVERYBODY,
    "POST /experts/{expert_id}:recommend": EVERYBODY,
    "POST /experts/{expert_id}:return": EVERYBODY,
    "POST /experts/{expert_id}:admit": STAFF,
    "POST /experts/{expert_id}:suspend": EVERYBODY,
    "POST /experts/{expert_id}:reinstate": STAFF,
    "POST /experts/{expert_id}:remove": STAFF,
    "POST /experts/{expert_id}:link-account": STAFF,
    "POST /experts/{expert_id}:declare-consent": EVERYBODY,
    "GET /experts/{expert_id}/consents": EVERYBODY,
    "GET /experts/{expert_id}/matches": EVERYBODY,
    "GET /experts/{expert_id}/personal-data": EVERYBODY,
    "POST /experts/{expert_id}:erase": EVERYBODY,
    "GET /experts/{expert_id}/contact": EVERYBODY,
    "PUT /experts/{expert_id}/contact": EVERYBODY,
    "POST /experts/{expert_id}/evidence": EVERYBODY,
    "PATCH /experts/{expert_id}/evidence/{evidence_id}": EVERYBODY,
    "DELETE /experts/{expert_id}/evidence/{evidence_id}": EVERYBODY,
    "POST /experts/{expert_id}/evidence/{evidence_id}:grade": STAFF,
    "GET /experts/{expert_id}/matching-demands": EVERYBODY,
    "GET /achievements": EVERYBODY,
    "POST /achievements:batch": EVERYBODY,
    "POST /achievements": EVERYBODY,
    "GET /achievements/{achievement_id}": EVERYBODY,
    "PATCH /achievements/{achievement_id}": EVERYBODY,
    "POST /achievements/{achievement_id}:review": STAFF,
    "POST /achievements/{achievement_id}:publish": STAFF,
    "POST /achievements/{achievement_id}:return": STAFF,
    "POST /achievements/{achievement_id}:withdraw": EVERYBODY,
    "POST /achievements/{achievement_id}:restore": EVERYBODY,
    "GET /pools": STAFF,
    "POST /pools": STAFF,
    "GET /pools/{pool_id}": STAFF,
    "PATCH /pools/{pool_id}": STAFF,
    "POST /pools/{pool_id}:revise-query": STAFF,
    "GET /pools/{pool_id}/queries": STAFF,
    "GET /pools/{pool_id}/members": STAFF,
    "POST /pools/{pool_id}:add-member": STAFF,
    "POST /pools/{pool_id}:exclude-member": STAFF,
    "POST /pools/{pool_id}:release-member": STAFF,
    "POST /pools/{pool_id}:submit": STAFF,
    "POST /pools/{pool_id}:return": STAFF,
    "POST /pools/{pool_id}:approve": STAFF,
    "POST /pools/{pool_id}:suspend": STAFF,
    "POST /pools/{pool_id}:reinstate": STAFF,
    "POST /pools/{pool_id}:remove": STAFF,
    "GET /demands": EVERYBODY,
    "POST /demands:batch": EVERYBODY,
    "POST /demands": EVERYBODY,
    "GET /demands/{demand_id}": EVERYBODY,
    "PATCH /demands/{demand_id}": EVERYBODY,
    "POST /demands/{demand_id}:submit": EVERYBODY,
    "POST /demands/{demand_id}:begin-review": STAFF,
    "POST /demands/{demand_id}:pass-formal-review": STAFF,
    "POST /demands/{demand_id}:publish": STAFF,
    "POST /demands/{demand_id}:return": STAFF,
    "POST /demands/{demand_id}:refuse": STAFF,
    "POST /demands/{demand_id}:withdraw": EVERYBODY,
    "POST /demands/{demand_id}:resolve": EVERYBODY,
    "POST /demands/{demand_id}:close": EVERYBODY,
    "POST /demands/{demand_id}:reopen": EVERYBODY,
    "POST /demands/{demand_id}:track": STAFF,
    "POST /demands/{demand_id}:submit-up": STAFF,
    "POST /demands/{demand_id}:dispatch": STAFF,
    "POST /demands/{demand_id}:share": STAFF,
    "POST /demands/{demand_id}:end-share": STAFF,
    "GET /demands/{demand_id}/handovers": EVERYBODY,
    "POST /demands/{demand_id}:match": STAFF,
    "POST /demands/{demand_id}:propose-team": STAFF,
    "GET /demands/{demand_id}/match-runs": STAFF,
    "GET /demands/{demand_id}/recommendations": EVERYBODY,
    "GET /demands/{demand_id}/similar-demands": STAFF,
    "GET /demands/{demand_id}/matching-achievements": EVERYBODY,
    "GET /demands/{demand_id}/diagnosis": EVERYBODY,
    "GET /campaigns": EVERYBODY,
    "POST /campaigns": STAFF,
    "GET /campaigns/{campaign_id}": EVERYBODY,
    "PATCH /campaigns/{campaign_id}": STAFF,
    "POST /campaigns/{campaign_id}:open": STAFF,
    "POST /campaigns/{campaign_id}:enter": EVERYBODY,
    "POST /campaigns/{campaign_id}:take-out": EVERYBODY,
    "POST /campaigns/{campaign_id}:close": STAFF,
    "POST /campaigns/{campaign_id}:reopen": STAFF,
    "POST /campaigns/{campaign_id}:consolidate": STAFF,
    "POST /campaigns/{campaign_id}:publish": STAFF,
    "GET /campaigns/{campaign_id}/demands": EVERYBODY,
    "GET /campaigns/{campaign_id}/counts": STAFF,
    "POST /matches:preview": STAFF,
    "GET /match-runs/{run_id}": STAFF,
    "GET /match-runs/{run_id}/matches": STAFF,
    "GET /match-runs/{run_id}/difference": STAFF,
    "POST /match-runs/{run_id}:withdraw": STAFF,
    "GET /demands/{demand_id}/standing-match": STAFF,
    "GET /match-digest": STAFF,
    "POST /matches/{match_id}:judge": STAFF,
    "GET /matches/{match_id}/judgments": STAFF,
    "POST /matches/{match_id}:request-review": EVERYBODY,
    "GET /match-reviews": EVERYBODY,
    "GET /match-reviews/{review_id}": EVERYBODY,
    "POST /match-reviews/{review_id}:answer": STAFF,
    "GET /common-problems": EVERYBODY,
    "POST /common-problems:propose": STAFF,
    "GET /common-problems/{problem_id}": EVERYBODY,
    "PATCH /common-problems/{problem_id}": STAFF,
    "POST /common-problems/{problem_id}:confirm": STAFF,
    "POST /common-problems/{problem_id}:dismiss": STAFF,
    "POST /common-problems/{problem_id}:reopen": STAFF,
    "POST /common-problems/{problem_id}:co-sign": EVERYBODY,
    "POST /common-problems/{problem_id}:decline": EVERYBODY,
    "POST /common-problems/{problem_id}:conclude-signing": STAFF,
    "POST /common-problems/{problem_id}:merge": STAFF,
    "POST /common-problems/{problem_id}:publish": STAFF,
    "POST /common-problems/{problem_id}:form-team": STAFF,
    "POST /common-problems/{problem_id}:begin-work": STAFF,
    "POST /common-problems/{problem_id}:accept": EVERYBODY,
    "POST /common-problems/{problem_id}:end": STAFF,
    "POST /conflicts:check": STAFF,
    "GET /teams": EVERYBODY,
    "POST /teams": STAFF,
    "GET /teams/{team_id}": EVERYBODY,
    "PATCH /teams/{team_id}": STAFF,
    "POST /teams/{team_id}:confirm": STAFF,
    "POST /teams/{team_id}:begin-service": STAFF,
    "POST /teams/{team_id}:dissolve": STAFF,
    "GET /corps": EVERYBODY,
    "POST /corps": STAFF,
    "GET /corps/{corps_id}": EVERYBODY,
    "PATCH /corps/{corps_id}": STAFF,
    "POST /corps/{corps_id}:dispatch": STAFF,
    "POST /corps/{corps_id}:evaluate": STAFF,
    "POST /corps/{corps_id}/service-records": EVERYBODY,
    "GET /dockings": EVERYBODY,
    "POST /dockings": STAFF,
    "GET /dockings/{docking_id}": EVERYBODY,
    "GET /dockings/{docking_id}/steps": EVERYBODY,
    "POST /dockings/{docking_id}:invite": STAFF,
    "POST /dockings/{docking_id}:take-back": STAFF,
    "POST /dockings/{docking_id}:follow-up": STAFF,
    "POST /dockings/{docking_id}:accept-invitation": EVERYBODY,
    "POST /dockings/{docking_id}:visit": EVERYBODY,
    "POST /dockings/{docking_id}:negotiate": EVERYBODY,
    "POST /dockings/{docking_id}:agree-intent": EVERYBODY,
    "POST /dockings/{docking_id}:sign": EVERYBODY,
    "POST /dockings/{docking_id}:begin": EVERYBODY,
    "POST /dockings/{docking_id}:accept-result": EVERYBODY,
    "POST /dockings/{docking_id}:decline": EVERYBODY,
    "POST /dockings/{docking_id}:fail": EVERYBODY,
    "POST /dockings/{docking_id}:accept-confidentiality": EVERYBODY,
    "GET /dockings/{docking_id}/demand": EVERYBODY,
    "GET /dockings/{docking_id}/contacts": EVERYBODY,
    "GET /dockings/{docking_id}/readings": EVERYBODY,
    "GET /dockings/{docking_id}/log": EVERYBODY,
    "POST /dockings/{docking_id}/log": EVERYBODY,
    "GET /dockings/{docking_id}/attachments": EVERYBODY,
    "POST /dockings/{docking_id}/attachments": EVERYBODY,
    "GET /attachments/{attachment_id}/content": EVERYBODY,
    "POST /attachments/{attachment_id}:withdraw": EVERYBODY,
    "POST /dockings/{docking_id}/agreements": EVERYBODY,
    "GET /agreements": EVERYBODY,
    "GET /agreements/{agreement_id}": EVERYBODY,
    "PATCH /agreements/{agreement_id}": EVERYBODY,
    "POST /agreements/{agreement_id}:sign": EVERYBODY,
    "POST /agreements/{agreement_id}:perform": EVERYBODY,
    "POST /agreements/{agreement_id}:register": EVERYBODY,
    "POST /agreements/{agreement_id}:conclude": EVERYBODY,
    "POST /dockings/{docking_id}/service-records": EVERYBODY,
    "GET /service-records": EVERYBODY,
    "GET /service-records/{record_id}": EVERYBODY,
    "POST /service-records/{record_id}:amend": EVERYBODY,
    "POST /service-records/{record_id}:confirm": EVERYBODY,
    "POST /service-records/{record_id}:dispute": EVERYBODY,
    "POST /service-records/{record_id}:count": STAFF,
    "POST /dockings/{docking_id}:rate": EVERYBODY,
    "GET /dockings/{docking_id}/ratings": EVERYBODY,
    "GET /cases": EVERYBODY,
    "POST /cases": STAFF,
    "GET /cases/{case_id}": EVERYBODY,
    "PATCH /cases/{case_id}": STAFF,
    "POST /cases/{case_id}:review": STAFF,
    "POST /cases/{case_id}:return": STAFF,
    "POST /cases/{case_id}:publish": STAFF,
    "POST /cases/{case_id}:take-back": STAFF,
    "POST /cases/{case_id}:consent": EVERYBODY,
    "POST /cases/{case_id}:withdraw-consent": EVERYBODY,
    "GET /questions": EVERYBODY,
    "POST /questions": STAFF,
    "GET /questions/{question_id}": EVERYBODY,
    "POST /questions/{question_id}:amend": STAFF,
    "POST /questions/{question_id}:accept": STAFF,
    "POST /questions/{question_id}:decline": STAFF,
    "POST /questions/{question_id}:consult": STAFF,
    "POST /questions/{question_id}:submit-opinion": EVERYBODY,
    "POST /questions/{question_id}:conclude-study": STAFF,
    "POST /questions/{question_id}:report": STAFF,
    "POST /questions/{question_id}:adopt": STAFF,
    "GET /invitation-batches": STAFF,
    "POST /invitation-batches": STAFF,
    "GET /invitation-batches/{batch_id}": STAFF,
    "POST /invitation-batches/{batch_id}:undo": STAFF,
    "GET /notices": EVERYBODY,
    "GET /notices/stream": EVERYBODY,
    "POST /notices/{notice_id}:read": EVERYBODY,
    "POST /notices:read-all": EVERYBODY,
    "GET /webhooks": EVERYBODY,
    "POST /webhooks": EVERYBODY,
    "GET /webhooks/{webhook_id}": EVERYBODY,
    "PATCH /webhooks/{webhook_id}": EVERYBODY,
    "DELETE /webhooks/{webhook_id}": EVERYBODY,
    "POST /webhooks/{webhook_id}:enable": EVERYBODY,
    "POST /webhooks/{webhook_id}:disable": EVERYBODY,
    "POST /webhooks/{webhook_id}:rotate-secret": EVERYBODY,
    "POST /webhooks/{webhook_id}:test": EVERYBODY,
    "GET /webhooks/{webhook_id}/deliveries": EVERYBODY,
    "POST /webhook-deliveries/{delivery_id}:replay": EVERYBODY,
    "GET /match-indexes": STAFF,
    "POST /match-indexes:refit": ADMINISTRATOR,
    "GET /rankers": STAFF,
    "GET /rankers/{ranker_id}": STAFF,
    "POST /rankers:train": ADMINISTRATOR,
    "POST /rankers/{ranker_id}:promote": ADMINISTRATOR,
    "POST /rankers/{ranker_id}:release": ADMINISTRATOR,
    "GET /import-columns": STAFF,
    "GET /import-templates": STAFF,
    "GET /imports": STAFF,
    "POST /imports": STAFF,
    "GET /imports/{import_id}": STAFF,
    "GET /imports/{import_id}/rejected-rows": STAFF,
    "GET /audit-entries": ADMINISTRATOR,
    "GET /audit-log": ADMINISTRATOR,
    "GET /audit-entries/{entry_id}": ADMINISTRATOR,
    "GET /audit-seals": ADMINISTRATOR,
    "GET /experts/{expert_id}/contact-readings": EVERYBODY,
    "GET /demands/{demand_id}/contact-readings": EVERYBODY,
    "GET /organizations/{organization_id}/contact-readings": EVERYBODY,
    "GET /queue": STAFF,
    "GET /jobs": ADMINISTRATOR,
    "POST /jobs/{job_id}:retry": ADMINISTRATOR,
}


def served(app: FastAPI) -> Iterator[str]:
    """Every route as "METHOD /path"; static files have no method of their own."""
    for context in iter_route_contexts(app.routes):
        for method in (context.methods or set()) - {"HEAD"}:
            yield f"{method} {context.path_format}"


def protected(app: FastAPI) -> list[str]:
    """The routes that ask who is calling, without the prefix."""
    return sorted(route.replace("/api/v1", "") for route in set(served(app)) - PUBLIC)


def test_every_route_is_in_a_table(application: FastAPI) -> None:
    unlisted = sorted(set(protected(application)) - set(ACCESS))
    assert not unlisted, (
        f"say in ACCESS which roles may call {unlisted}, or put them with /api/v1 into PUBLIC"
    )
    gone = (set(ACCESS) - set(protected(application))) | (PUBLIC - set(served(application)))
    assert not gone, f"no such routes any more: {sorted(gone)}"


async def call(client: AsyncClient, route: str) -> int:
    """The status for a body that nobody accepts, on a record that does not exist."""
    method, path = route.split(" ", 1)
    path = re.sub(r"\{job_id\}", "1", path)
    path = re.sub(r"\{\w+\}", UNKNOWN, path)
    body: dict[str, str] | None = {} if method in ("POST", "PATCH", "PUT") else None
    return (await client.request(method, path, json=body)).status_code


async def test_nobody_comes_in_without_signing_in(app: FastAPI, client: AsyncClient) -> None:
    for route in protected(app):
        assert await call(client, route) == 401, f"{route} answers strangers"


async def test_roles(app: FastAPI, people: People) -> None:
    for role in Role:
        client = await people.client(await people.account(role))
        for route in protected(app):
            status = await call(client, route)
            assert status not in (401, 405, 500, 503), f"{route} answers {status} to {role}"
            is_let_in = status != 403
            assert is_let_in == (role in ACCESS[route]), f"{route} answers {status} to {role}"


async def test_read_only_keys_change_nothing(app: FastAPI, people: People) -> None:
    owner = await people.administrator()
    key = await new_key(owner, is_read_only=True)
    owner.headers["Authorization"] = f"Bearer {key['key']}"
    for route in protected(app):
        if not route.startswith("GET "):
            assert await call(owner, route) == 403, route


async def test_shut_accounts_come_in_nowhere(app: FastAPI, people: People) -> None:
    account = await people.account(Role.ENTERPRISE)
    client = await people.client(account)
    administrator = await people.administrator()
    await administrator.patch(f"/accounts/{account.id}", json={"is_active": False})
    for route in protected(app):
        assert await call(client, route) == 401, route
