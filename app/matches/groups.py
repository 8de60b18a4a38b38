"""Experts who are named together, to act as one or each for themselves: of the pool, and free."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.experts.models import Expert
from app.interface.errors import Conflict
from app.interface.language import Text
from app.interface.validation import FieldError
from app.matches.availability import NOBODY, NOT_IN_POOL, objections_to, told
from matching import Constraints

TWICE = Text("该专家出现两次", "The expert is named twice")
GONE = FieldError(pointer="", code="not_in_pool", message=NOT_IN_POOL)


def faults_of_named(
    expert_ids: Sequence[UUID], people: Container[UUID], *, pointer: str
) -> list[FieldError]:
    """Who of a list is not of the pool, whose experts are held, or comes twice.

    pointer: of one item, with `{place}` for its number.
    """
    faults, seen = list[FieldError](), set[UUID]()
    for place, expert_id in enumerate(expert_ids):
        where = pointer.format(place=place)
        if expert_id not in people:
            faults.append(replace(GONE, pointer=where))
        elif expert_id in seen:
            faults.append(FieldError(pointer=where, code="named_twice", message=TWICE))
        seen.add(expert_id)
    return faults


async def require_all_available(
    session: AsyncSession,
    named: Mapping[str, Expert],
    people: Mapping[UUID, Expert],
    constraints: Constraints,
    *,
    but: Mapping[UUID, datetime] = NOBODY,
    only: str = "",
) -> None:
    """Raises Conflict with every reason why somebody is not to be asked now.

    named: by the pointer that names them; people: those of them who are in the pool, held.
    but: by expert the moment of an invitation that is no reason.
    only: the one reason that counts, where the others do not.
    """
    known = list(people.values())
    found = await objections_to(session, known, constraints, but=but)
    against = {
        expert.id: [told(one) for one in objections if only in ("", one.reason)]
        for expert, objections in zip(known, found, strict=True)
    }
    faults = [
        fault
        for pointer, expert in named.items()
        for fault in _of_expert(pointer, expert, against.get(expert.id, [GONE]))
    ]
    if faults:
        raise Conflict(faults[0].message, errors=faults)


def _of_expert(pointer: str, expert: Expert, faults: Sequence[FieldError]) -> Iterator[FieldError]:
    for fault in faults:
        message = Text(f"{expert.name}：{fault.message.zh}", f"{expert.name}: {fault.message.en}")
        yield replace(fault, pointer=pointer, message=message)
