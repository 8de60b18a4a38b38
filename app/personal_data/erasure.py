"""Forget a person: nothing that names or describes them stays, what is counted stays.

Rank, score and features of past matches, verdicts, kind, province and broad disciplines stay; with
them alone nobody can be found. Vectors and saved indexes follow by job.
"""

from uuid import UUID, uuid4

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import repository as account_repository
from app.accounts.access import may_erase_own
from app.accounts.models import Account
from app.accounts.schemas import ERASED_DOMAIN
from app.accounts.secrets import hash_password, new_secret
from app.accounts.sign_in import end_sign_ins, require_password
from app.cases import operations as cases
from app.changes import operations as changes
from app.clock import now
from app.corps import operations as corps
from app.demands.models import Demand
from app.dockings import operations as dockings
from app.dockings.batches import operations as batches
from app.dockings.services import operations as services
from app.experts import operations as experts
from app.experts import repository as expert_repository
from app.experts.access import may_read_in_full
from app.experts.models import Expert, ExpertState, RemovalCause
from app.interface.errors import Forbidden, NotSignedIn
from app.interface.language import Text
from app.jobs import defer_unless_waiting
from app.organizations import memberships
from app.organizations.actors import Actor
from app.organizations.models import Organization
from app.personal_data import repository
from app.pools import members as pools
from app.problems import joint_work
from app.questions import operations as questions
from app.scopes import Scope, borrowed
from app.search import search_vector
from app.teams import operations as teams

ERASED = "已注销"
NO_LISTS = (
    *("technology_fields", "research_directions", "specialities", "languages", "service_modes"),
    *("absences", "conflicting_organization_ids", "declared_conflicts", "societies"),
)
NO_TEXTS = (
    *("name_pinyin", "academy_division", "organization_name", "title", "introduction"),
    *("state_reason", "do_not_contact_reason"),
)
NO_VALUES = (
    *("external_id", "account_id", "elected_year", "organization_id", "country"),
    *("yearly_capacity", "reduced_capacity", "reduced_until_on", "do_not_contact_until_on"),
    "orcid",
)


async def erase_own(session: AsyncSession, account: Account, password: SecretStr | None) -> None:
    """Erase the caller's account and profile."""
    if not may_erase_own(account):
        raise Forbidden(Text("工作人员账号由管理员停用", "An administrator closes staff accounts"))
    # Whoever makes this account a profile has done so before, or finds the account shut after. Who
    # only refers to it, as a step that the expert takes meanwhile, need not wait.
    await account_repository.lock(session, account.id)
    await session.refresh(account)
    if not account.is_active:
        raise NotSignedIn()
    await require_password(account, password)
    expert = await expert_repository.find_of_account(session, account.id)
    async with borrowed(session, Scope.SERVICE):  # wherever something is said of the person
        if expert is not None:
            # Who names them in a team, corps or case has done so before, or finds them gone.
            await expert_repository.held_people(session, [expert.id])
            await forget_expert(session, expert, account.id)
        await forget_account(session, account, account.id)


async def erase_expert(session: AsyncSession, actor: Actor, expert_id: UUID) -> None:
    """Erase a profile, by the expert or by staff of the region whom the expert has asked."""
    expert = await experts.get_managed(session, actor, expert_id, may_touch=may_read_in_full)
    async with borrowed(session, Scope.SERVICE):
        await forget_expert(session, expert, actor.account_id)


async def forget_expert(session: AsyncSession, expert: Expert, actor_id: UUID | None) -> None:
    """Empty the record and all that other tables say of the person."""
    left = await joint_work.leave(session, expert, actor_id)
    left += await teams.leave(session, expert, actor_id)
    left += await questions.leave(session, expert, actor_id)
    served = await corps.leave(session, expert, actor_id)
    left += served
    left += await cases.leave(session, expert, actor_id)
    left += await pools.leave(session, expert)
    left += await services.forget_expert(session, expert.id, expert.name, served)
    await batches.forget_expert(session, expert)
    expert.name = ERASED
    if expert.state is not ExpertState.REMOVED:
        await experts.enter(session, expert, ExpertState.REMOVED, verb="remove", actor_id=actor_id)
        expert.removal_cause = RemovalCause.REQUESTED
    expert.erased_at = expert.erased_at or now()
    expert.is_retired = expert.is_external_encoding_allowed = expert.is_do_not_contact = False
    expert.disciplines = sorted({code[:3] for code in expert.disciplines})
    expert.region_code = f"{expert.region_code[:2]}0000" if expert.region_code else None
    for names, nothing in ((NO_LISTS, list), (NO_TEXTS, str)):
        for name in names:
            setattr(expert, name, nothing())
    for name in NO_VALUES:
        setattr(expert, name, None)
    expert.search = search_vector([])
    await changes.append(session, "expert.erased", expert.id, actor_id=actor_id)
    await repository.forget_about_expert(session, expert.id, left)
    await dockings.end_of_expert(session, expert.id, actor_id)
    for task in ("forget_vectors", "rebuild_indexes"):
        await defer_unless_waiting(session, task)


async def forget_account(session: AsyncSession, account: Account, actor_id: UUID | None) -> None:
    """Empty the account, end its ways in, and take it out of contact fields that name it."""
    emptied = await _leave_contacts(session, account)
    account.email, account.display_name = f"{uuid4().hex}{ERASED_DOMAIN}", ERASED
    account.password_hash, account.is_active = await hash_password(new_secret()), False
    account.erased_at, account.has_second_factor = now(), False
    await end_sign_ins(session, account)
    await changes.append(session, "account.erased", account.id, actor_id=actor_id)
    await memberships.revoke_all(session, account.id, actor_id)
    await experts.unlink_account(session, account.id, actor_id)
    await repository.forget_about_account(session, account.id, emptied)


async def _leave_contacts(session: AsyncSession, account: Account) -> list[UUID]:
    """The records whose contact the person was."""
    organizations = await repository.organizations_of(session, account.id)
    named = await repository.demands_that_name(
        session, [o.id for o in organizations], account.email
    )
    demands = await repository.lock_demands(session, named)
    records: list[Organization | Demand] = [*organizations, *demands]
    emptied = [record for record in records if record.contact_email.lower() == account.email]
    for record in emptied:
        record.contact_name = record.contact_phone = record.contact_email = ""
    return [record.id for record in emptied]
