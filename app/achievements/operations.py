"""Achievements: registered, kept up to date, reviewed and published."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.achievements import repository
from app.achievements.access import allowed_actions, may_read, parties_of, readable
from app.achievements.completeness import CONFIDENTIAL, faults, require_publishable
from app.achievements.models import Achievement, AchievementState
from app.achievements.schemas import (
    AchievementBody,
    AchievementCreate,
    AchievementQuery,
    AchievementSummary,
    AchievementUpdate,
)
from app.achievements.workflow import TRANSITIONS, editable_states, settle
from app.changes import operations as changes
from app.interface.errors import (
    EXTERNAL_ID_TAKEN,
    NOT_OF_OWN,
    NOT_OUT_OF_OWN,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    WrongState,
)
from app.interface.pagination import Page, Pages
from app.interface.preconditions import admitted
from app.interface.validation import fields_of
from app.organizations import operations as organizations
from app.organizations.actors import Actor
from app.search import search_vector
from app.transitions import next_state

SORTS = {"created_at": Achievement.created_at, "name": Achievement.name}
OPEN_STATES = frozenset({AchievementState.REVIEWED, AchievementState.PUBLISHED})


def show(actor: Actor, achievement: Achievement) -> AchievementBody:
    return AchievementBody.of(
        achievement,
        allowed_actions=allowed_actions(actor, achievement),
        missing=fields_of(faults(achievement)),
    )


def show_summary(actor: Actor, achievement: Achievement) -> AchievementSummary:
    return AchievementSummary.of(achievement, allowed_actions=allowed_actions(actor, achievement))


async def create(session: AsyncSession, actor: Actor, data: AchievementCreate) -> Achievement:
    """Register a result: by a member of its organization, or staff of its region."""
    if data.external_id and await repository.is_taken(session, data.external_id):
        raise Conflict(EXTERNAL_ID_TAKEN)
    achievement = Achievement(state=AchievementState.REGISTERED)
    values = data.model_dump() | {"region_code": actor.region_for(data.region_code)}
    await apply(session, actor, achievement, values)
    if not parties_of(actor, achievement):
        raise Forbidden(NOT_OF_OWN)
    index_text(achievement)
    session.add(achievement)
    await changes.append(session, "achievement.created", achievement.id, actor_id=actor.account_id)
    return achievement


async def get(session: AsyncSession, actor: Actor, achievement_id: UUID) -> Achievement:
    """The achievement, if the actor may read it."""
    achievement = await repository.find(session, achievement_id)
    if achievement is None or not may_read(actor, achievement):
        raise NotFound()
    return achievement


async def get_managed(session: AsyncSession, actor: Actor, achievement_id: UUID) -> Achievement:
    """The achievement, locked, if the actor may touch it."""
    achievement = await repository.find(session, achievement_id, is_for_update=True)
    touches = partial(parties_of, actor)
    return admitted(session, achievement, may_read=partial(may_read, actor), may_touch=touches)


async def search(pages: Pages, actor: Actor, query: AchievementQuery) -> Page[AchievementSummary]:
    return await pages.read(
        repository.listed(query, readable(actor)),
        query=query,
        columns=SORTS,
        show=lambda achievement: show_summary(actor, achievement),
    )


async def update(
    session: AsyncSession, actor: Actor, achievement_id: UUID, data: AchievementUpdate
) -> Achievement:
    """Change what the body names; a reviewed or published one stays complete."""
    achievement = await get_managed(session, actor, achievement_id)
    allowed = editable_states(parties_of(actor, achievement))
    if achievement.state not in allowed:
        raise WrongState(verb="update", state=achievement.state, allowed=sorted(allowed))
    if achievement.is_confidential:  # stored before that was refused: taking the mark off opens it
        raise Invalid(errors=[CONFIDENTIAL])
    wanted = actor.placing(data.changes())
    await apply(session, actor, achievement, wanted)
    if not parties_of(actor, achievement):
        raise Forbidden(NOT_OUT_OF_OWN)
    if achievement.state in OPEN_STATES:
        require_publishable(achievement)
    index_text(achievement)
    await changes.append(
        session,
        "achievement.updated",
        achievement.id,
        actor_id=actor.account_id,
        data={"fields": sorted(wanted)},
    )
    return achievement


async def move(
    session: AsyncSession, actor: Actor, achievement_id: UUID, verb: str, reason: str = ""
) -> Achievement:
    """Take one step of the life cycle; what is to be open must be complete and not classified."""
    achievement = await get_managed(session, actor, achievement_id)
    parties = parties_of(actor, achievement)
    target = next_state(TRANSITIONS, verb, achievement.state, parties)
    if target in OPEN_STATES:
        require_publishable(achievement)
    settle(achievement, target, reason)
    await changes.append(
        session,
        f"achievement.{target}",
        achievement.id,
        actor_id=actor.account_id,
        data={"verb": verb},
    )
    return achievement


async def apply(
    session: AsyncSession, actor: Actor, achievement: Achievement, values: Mapping[str, Any]
) -> None:
    """Set fields; see `organizations.with_lent_name`."""
    linked = await organizations.with_lent_name(session, actor, achievement, values)
    for name, value in linked.items():
        setattr(achievement, name, value)


def index_text(achievement: Achievement) -> None:
    """Bring the search column up to date with names and texts."""
    texts = [
        achievement.name,
        achievement.registration_number,
        achievement.organization_name,
        achievement.summary,
        *achievement.keywords,
    ]
    achievement.search = search_vector(texts, names=achievement.people)
