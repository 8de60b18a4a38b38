"""Agreements: drafted, signed (which signs the docking), performed, registered, concluded."""

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.dockings import operations as dockings
from app.dockings import repository as docking_repository
from app.dockings.access import allowed_actions, may_touch, own_side, parties_of, readable
from app.dockings.agreements import repository
from app.dockings.agreements.models import Agreement, AgreementState
from app.dockings.agreements.schemas import (
    AgreementBody,
    AgreementCreate,
    AgreementQuery,
    AgreementUpdate,
)
from app.dockings.agreements.workflow import TRANSITIONS, settle
from app.dockings.deadlines import Clock
from app.dockings.schemas import Step
from app.dockings.workflow import IN_CONTACT
from app.interface.errors import Invalid, WrongState, invalid_field
from app.interface.language import Text
from app.interface.pagination import Page, Pages
from app.interface.validation import FieldError
from app.organizations.actors import Actor
from app.transitions import next_state, possible_verbs

SORTS = {"created_at": Agreement.created_at}
MOST_AGREEMENTS = 20
DOCKING = Text("对接", "docking")
TWO_PARTIES = Text("至少两方", "At least two parties")
AMOUNT = Text("请填写金额，无偿的填 0", "Give the amount, 0 where nothing is paid")


async def draft(
    session: AsyncSession, actor: Actor, docking_id: UUID, data: AgreementCreate
) -> AgreementBody:
    """Enter an agreement that the two sides are about to sign."""
    docking = await dockings.hold(session, actor, docking_id)
    side = own_side(actor, docking)
    await dockings.require_room(session, Agreement, docking_id, side, MOST_AGREEMENTS)
    agreement = Agreement(
        docking_id=docking_id,
        docking=docking,
        side=side,
        account_id=actor.account_id,
        state=AgreementState.DRAFTED,
    )
    _apply(agreement, data.model_dump())
    session.add(agreement)
    await session.flush()
    await _tell(session, actor, agreement, "drafted")
    return show(actor, agreement)


async def search(pages: Pages, actor: Actor, query: AgreementQuery) -> Page[AgreementBody]:
    """Of the dockings that the actor reads."""
    return await pages.read(
        repository.listed(query, readable(actor)),
        query=query,
        columns=SORTS,
        show=partial(show, actor),
    )


async def update(
    session: AsyncSession, actor: Actor, agreement_id: UUID, data: AgreementUpdate
) -> AgreementBody:
    """Change what the body names, until it is signed."""
    agreement = await _hold(session, actor, agreement_id)
    if agreement.state is not AgreementState.DRAFTED:
        allowed = [AgreementState.DRAFTED]
        raise WrongState(verb="update", state=agreement.state, allowed=allowed)
    await dockings.require_not_erased(session, agreement.docking_id)
    _apply(agreement, data.changes())
    await session.flush()
    await _tell(session, actor, agreement, "updated", fields=sorted(data.changes()))
    return show(actor, agreement)


async def sign(
    session: AsyncSession, actor: Actor, agreement_id: UUID, signed_on: date, clock: Clock
) -> AgreementBody:
    """Note that it is signed; a docking that waits for that is signed with it."""
    dockings.require_past(signed_on, clock.moment, field="signed_on")
    agreement = await _hold(session, actor, agreement_id)
    target = _target(actor, agreement, "sign")
    if agreement.docking.state not in IN_CONTACT:
        allowed, state = sorted(IN_CONTACT), agreement.docking.state
        raise WrongState(verb="sign", state=state, allowed=allowed, of=DOCKING)
    if missing := _missing(agreement):
        raise Invalid(errors=missing)
    agreement.signed_on = signed_on
    settle(agreement, target)
    await _tell(session, actor, agreement, target)
    if "sign" in allowed_actions(actor, agreement.docking):
        await dockings.take(
            session, actor, agreement.docking, "sign", Step(note=agreement.title), clock
        )
    return show(actor, agreement)


async def move(
    session: AsyncSession,
    actor: Actor,
    agreement_id: UUID,
    verb: str,
    registration_number: str | None = None,
) -> AgreementBody:
    """Take one of the steps after the signature."""
    agreement = await _hold(session, actor, agreement_id)
    settle(agreement, _target(actor, agreement, verb))
    if registration_number is not None:
        agreement.registration_number = registration_number
    await session.flush()
    await _tell(session, actor, agreement, agreement.state)
    return show(actor, agreement)


def show(actor: Actor, agreement: Agreement) -> AgreementBody:
    parties = parties_of(actor, agreement.docking)
    actions = possible_verbs(TRANSITIONS, agreement.state, parties)
    if agreement.docking.state not in IN_CONTACT:
        actions = [verb for verb in actions if verb != "sign"]
    is_draft = agreement.state is AgreementState.DRAFTED
    if is_draft and may_touch(actor, agreement.docking):
        actions = ["update", *actions]
    return AgreementBody.of(agreement, allowed_actions=actions)


async def _hold(session: AsyncSession, actor: Actor, agreement_id: UUID) -> Agreement:
    """The agreement, locked after its docking, which a signature moves."""
    found = await dockings.get_part(session, actor, Agreement, agreement_id)
    await docking_repository.find(session, found.docking_id, is_for_update=True)
    return await dockings.hold_part(session, actor, Agreement, agreement_id)


def _target(actor: Actor, agreement: Agreement, verb: str) -> AgreementState:
    parties = parties_of(actor, agreement.docking)
    return next_state(TRANSITIONS, verb, agreement.state, parties)


def _apply(agreement: Agreement, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(agreement, name, value)
    amount, part = agreement.amount, agreement.technology_amount
    if part is not None and (amount is None or part > amount):
        raise invalid_field(
            "/technology_amount", "too_large", "不得超过总额", "Should not exceed the amount"
        )
    if agreement.starts_on and agreement.ends_on and agreement.ends_on < agreement.starts_on:
        raise invalid_field("/ends_on", "before_start", "早于起始日期", "Before it starts")


def _missing(agreement: Agreement) -> list[FieldError]:
    """What an agreement must say before it counts as signed."""
    found = []
    if len(agreement.parties) < 2:
        found.append(FieldError(pointer="/parties", code="missing", message=TWO_PARTIES))
    if agreement.amount is None:
        found.append(FieldError(pointer="/amount", code="missing", message=AMOUNT))
    return found


async def _tell(
    session: AsyncSession, actor: Actor, agreement: Agreement, what: str, **data: Any
) -> None:
    data |= {"agreement_id": str(agreement.id)}
    kind, of = f"docking.agreement_{what}", agreement.docking_id
    await changes.append(session, kind, of, actor_id=actor.account_id, data=data)
