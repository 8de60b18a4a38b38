"""Experts: entered, kept up to date, and moved along their way into the pool."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import repository as account_repository
from app.changes import operations as changes
from app.experts import repository
from app.experts.access import (
    allowed_actions,
    enters_own,
    may_change_identity,
    may_link_to,
    may_place,
    may_read,
    may_read_in_full,
    may_say_when_to_ask,
    may_supervise,
    parties_of,
    readable,
)
from app.experts.completeness import missing_fields
from app.experts.models import Evidence, Expert, ExpertState, Grade, RemovalCause
from app.experts.schemas import (
    ExpertBody,
    ExpertCreate,
    ExpertQuery,
    ExpertSummary,
    ExpertUpdate,
    Removal,
)
from app.experts.workflow import ADMITTED, EDITABLE, PRESENT, TRANSITIONS, settle
from app.interface.errors import (
    EXTERNAL_ID_TAKEN,
    NOT_OF_OWN,
    NOT_OUT_OF_OWN,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NotSignedIn,
    WrongState,
    invalid_field,
)
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.interface.validation import fields_of
from app.organizations import operations as organizations
from app.organizations.actors import Actor
from app.search import pinyin, search_vector
from app.transitions import next_state

# What the actor has to be to the expert.
Rule = Callable[[Actor, Expert], object]
NEED_COMPLETE = frozenset({"submit", "reinstate"})
SORTS = {"created_at": Expert.created_at, "name_pinyin": Expert.name_pinyin}
# The organization and the region are part of it: they decide who may touch the record.
IDENTITY = (
    *("name", "kind", "academy_division", "elected_year"),
    *("organization_id", "organization_name", "region_code"),
)
PEACE = ("is_do_not_contact", "do_not_contact_until_on", "do_not_contact_reason")


def show(actor: Actor, expert: Expert) -> ExpertBody:
    reason = expert.do_not_contact_reason if may_say_when_to_ask(actor, expert) else ""
    return ExpertBody.of(
        expert,
        do_not_contact_reason=reason,
        allowed_actions=allowed_actions(actor, expert),
        missing=fields_of(missing_fields(expert)),
    )


def show_summary(actor: Actor, expert: Expert) -> ExpertSummary:
    return ExpertSummary.of(expert, allowed_actions=allowed_actions(actor, expert))


async def create(session: AsyncSession, actor: Actor, data: ExpertCreate) -> Expert:
    """A draft: by an expert for themself, by an organization for its people, or by staff."""
    expert = Expert(state=ExpertState.DRAFT, evidence=[])
    if enters_own(actor) and actor.account_id is not None:
        if not await account_repository.stays_open(session, actor.account_id):
            raise NotSignedIn()  # erased or shut since the door
        await _require_no_profile(session, actor.account_id)
        expert.account_id = actor.account_id
    if data.external_id and await repository.find_by_external_id(session, data.external_id):
        raise Conflict(EXTERNAL_ID_TAKEN)
    expert.external_id = data.external_id
    values = data.model_dump(exclude={"evidence", "external_id"})
    values["region_code"] = actor.region_for(data.region_code)
    await apply(session, actor, expert, values)
    for number, item in enumerate(data.evidence):
        require_gradable(actor, expert, item.grade, pointer=f"/evidence/{number}/grade")
    expert.evidence = [Evidence(**item.model_dump()) for item in data.evidence]
    if not parties_of(actor, expert):
        raise Forbidden(NOT_OF_OWN)
    index_text(expert)
    session.add(expert)
    await changes.append(session, "expert.created", expert.id, actor_id=actor.account_id)
    return expert


async def get(session: AsyncSession, actor: Actor, expert_id: UUID) -> Expert:
    """The expert, if the actor may read the record."""
    expert = await repository.find(session, expert_id)
    if expert is None or not may_read(actor, expert):
        raise NotFound()
    return expert


async def get_in_full(session: AsyncSession, actor: Actor, expert_id: UUID) -> Expert:
    """The expert, if the actor may read all that is held on the person; else Forbidden."""
    expert = await get(session, actor, expert_id)
    if not may_read_in_full(actor, expert):
        raise Forbidden()
    return expert


async def get_managed(
    session: AsyncSession, actor: Actor, expert_id: UUID, *, may_touch: Rule = parties_of
) -> Expert:
    """The expert, locked, if the actor may touch the record, in whatever state it is."""
    return admitted(
        session,
        await repository.find(session, expert_id, is_for_update=True),
        may_read=partial(may_read, actor),
        may_touch=partial(may_touch, actor),
    )


async def get_present(
    session: AsyncSession,
    actor: Actor,
    expert_id: UUID,
    verb: str,
    *,
    may_touch: Rule = parties_of,
) -> Expert:
    """The same, unless the expert has left for good: what was erased is not filled again."""
    expert = await get_managed(session, actor, expert_id, may_touch=may_touch)
    if expert.state not in PRESENT:
        raise WrongState(verb=verb, state=expert.state, allowed=sorted(PRESENT))
    return expert


async def get_editable(session: AsyncSession, actor: Actor, expert_id: UUID) -> Expert:
    """The expert, locked, if the actor may edit the record in its present state."""
    expert = await get_managed(session, actor, expert_id)
    if expert.state not in EDITABLE:
        raise WrongState(verb="update", state=expert.state, allowed=sorted(EDITABLE))
    return expert


async def search(pages: Pages, actor: Actor, query: ExpertQuery) -> Page[ExpertSummary]:
    return await pages.read(
        repository.listed(query, readable(actor)),
        query=query,
        columns=SORTS,
        show=lambda expert: show_summary(actor, expert),
    )


async def update(
    session: AsyncSession, actor: Actor, expert_id: UUID, data: ExpertUpdate
) -> Expert:
    """Change what the body names; of one who was admitted nothing goes that is needed."""
    expert = await get_editable(session, actor, expert_id)
    wanted = actor.placing(data.model_dump(exclude_unset=True))
    _require_unlocked(actor, expert, wanted)
    lacking = missing_fields(expert)  # a file may have admitted them so
    await apply(session, actor, expert, wanted)
    gone = [fault for fault in missing_fields(expert) if fault not in lacking]
    if gone and expert.state in ADMITTED:
        raise Invalid(errors=gone)
    if not parties_of(actor, expert):
        raise Forbidden(NOT_OUT_OF_OWN)
    return await save(session, actor, expert, fields=sorted(wanted))


def _require_unlocked(actor: Actor, expert: Expert, wanted: Mapping[str, Any]) -> None:
    """What the review has confirmed is changed by staff only."""
    if may_change_identity(actor, expert):
        return
    for name in IDENTITY:
        if name in wanted and wanted[name] != getattr(expert, name):
            raise invalid_field(
                f"/{name}", "locked", "已审核入库，请联系协调员修改", "Reviewed; ask a coordinator"
            )


async def save(session: AsyncSession, actor: Actor, expert: Expert, fields: list[str]) -> Expert:
    """Make an edited expert findable by its new words, and tell the followers."""
    index_text(expert)
    await changes.append(
        session,
        "expert.updated",
        expert.id,
        actor_id=actor.account_id,
        data={"fields": fields},
    )
    return expert


async def move(
    session: AsyncSession,
    actor: Actor,
    expert_id: UUID,
    verb: str,
    reason: str = "",
    *,
    cause: RemovalCause | None = None,
) -> Expert:
    """Take one step of the life cycle; see NEED_COMPLETE."""
    expert = await get_managed(session, actor, expert_id)
    target = next_state(TRANSITIONS, verb, expert.state, parties_of(actor, expert))
    if verb in NEED_COMPLETE and (missing := missing_fields(expert)):
        raise Invalid(errors=missing)
    if target is ExpertState.IN_POOL and expert.is_matching_refused:
        raise Conflict(Text("本人不同意参与匹配推荐", "The expert refuses to be matched"))
    await enter(session, expert, target, reason, cause, verb=verb, actor_id=actor.account_id)
    return expert


async def enter(
    session: AsyncSession,
    expert: Expert,
    state: ExpertState,
    reason: str = "",
    cause: RemovalCause | None = None,
    *,
    verb: str,
    actor_id: UUID | None,
) -> None:
    """Put the expert into a state, and tell the followers."""
    settle(expert, state, reason, cause)
    await changes.append(
        session, f"expert.{state}", expert.id, actor_id=actor_id, data={"verb": verb}
    )


async def remove(session: AsyncSession, actor: Actor, expert_id: UUID, data: Removal) -> Expert:
    """Out of the pool for good."""
    return await move(session, actor, expert_id, "remove", data.reason, cause=data.cause)


async def link_account(
    session: AsyncSession, actor: Actor, expert_id: UUID, account_id: UUID
) -> Expert:
    """Give an expert's account the profile that staff entered and that is nobody's yet."""
    expert = await get_present(session, actor, expert_id, "link-account", may_touch=may_supervise)
    if expert.account_id is not None:
        raise Conflict(Text("该档案已关联账号", "This profile belongs to an account already"))
    account = await account_repository.find(session, account_id)
    if account is None or not may_link_to(
        actor,
        account,
        await account_repository.regions_of(session, account.id, account.region_code),
    ):
        raise invalid_field(
            "/account_id", "not_an_expert", "应为专家账号", "Not an expert's account"
        )
    if not await account_repository.stays_open(session, account_id):
        raise Conflict(Text("该账号已停用", "This account is closed"))
    await _require_no_profile(session, account_id)
    expert.account_id = account_id
    await changes.append(session, "expert.linked", expert.id, actor_id=actor.account_id)
    return expert


async def unlink_account(session: AsyncSession, account_id: UUID, actor_id: UUID | None) -> None:
    """Let the profile of an account that is no more be nobody's again."""
    expert = await repository.find_of_account(session, account_id)
    if expert is not None:
        expert.account_id = None
        await changes.append(session, "expert.unlinked", expert.id, actor_id=actor_id)


async def apply(
    session: AsyncSession, actor: Actor, expert: Expert, values: Mapping[str, Any]
) -> None:
    """Set fields; see `organizations.with_lent_name`."""
    require_placeable(actor, expert, values)
    _require_own_word(actor, expert, values)
    linked = await organizations.with_lent_name(session, actor, expert, values)
    for name, value in linked.items():
        setattr(expert, name, value)


def require_placeable(actor: Actor, expert: Expert, wanted: Mapping[str, Any]) -> None:
    """Raises Invalid for a region that is not the actor's to give."""
    is_changed = wanted.get("region_code", expert.region_code) != expert.region_code
    if is_changed and not may_place(actor, expert):
        message = ("请由本人或其地区的工作人员修改", "For the expert or the staff of their region")
        raise invalid_field("/region_code", "locked", *message)


def _require_own_word(actor: Actor, expert: Expert, wanted: Mapping[str, Any]) -> None:
    """Raises Invalid where an employer decides whether its people are asked."""
    if may_say_when_to_ask(actor, expert):
        return
    message = ("请由本人或其地区的工作人员设置", "For the expert or the staff of their region")
    for name in PEACE:
        is_changed = (wanted.get(name) or None) != (getattr(expert, name) or None)
        if name in wanted and is_changed:
            raise invalid_field(f"/{name}", "locked", *message)


def require_gradable(actor: Actor, expert: Expert, grade: Grade, *, pointer: str) -> None:
    """Raises Invalid for a grade that only staff give: they have seen what attests the item."""
    if grade is not Grade.SELF_STATED and not may_supervise(actor, expert):
        message = ("佐证等级由工作人员核定，请填“自述”", "Staff grade it: enter it as self_stated")
        raise invalid_field(pointer, "locked", *message)


def index_text(expert: Expert) -> None:
    """Bring the search columns up to date with name, texts and evidence."""
    expert.name_pinyin = pinyin(expert.name)
    texts = [
        expert.organization_name,
        expert.title,
        expert.introduction,
        *expert.research_directions,
        *expert.specialities,
        *(item.title for item in expert.evidence),
    ]
    expert.search = search_vector(texts, names=[expert.name])


async def _require_no_profile(session: AsyncSession, account_id: UUID) -> None:
    if await repository.find_of_account(session, account_id):
        raise Conflict(Text("该账号已有专家档案", "This account has a profile already"))
