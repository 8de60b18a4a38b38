"""Why somebody entered, left or moved: the nearest cause, of the expert, the demand, then all."""

from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.changes.repository import ChangeRow
from app.matches.standing.differences import Changed, Listing, Place, moves
from app.matches.standing.schemas import Why

HERE, THERE, DEMAND = uuid7(), uuid7(), uuid7()


def listing(*ids: UUID, **more: Any) -> Listing:
    places = {one: Place(rank=rank, score=3.0 - rank) for rank, one in enumerate(ids, 1)}
    return Listing(places=places, **more)


def changed(*kinds: str, subject: UUID = HERE) -> Changed:
    rows = [ChangeRow(number, number, kind, subject) for number, kind in enumerate(kinds)]
    return Changed.of(rows)


NOTHING = Changed()
BOTH = listing(THERE, HERE)
LONG, SHORT = {"parameters": {"limit": 20}}, {"parameters": {"limit": 1}}
CASES = {
    "new": (listing(THERE), BOTH, changed("expert.in_pool"), Why.EXPERT_NEW),
    "written anew": (listing(THERE), BOTH, changed("expert.updated"), Why.EXPERT_CHANGED),
    "judged only": (listing(THERE), BOTH, changed("expert.judged"), Why.OTHERS),
    "gone": (BOTH, listing(THERE), changed("expert.suspended"), Why.EXPERT_LEFT),
    "gone and back": (
        *(BOTH, listing(HERE, THERE)),
        *(changed("expert.suspended", "expert.in_pool"), Why.EXPERT_CHANGED),
    ),
    "kept out": (
        *(BOTH, listing(THERE, kept_out={HERE: "absent"})),
        *(changed("expert.updated"), Why.CONSTRAINT),
    ),
    "let in": (listing(THERE, kept_out={HERE: "absent"}), BOTH, NOTHING, Why.CONSTRAINT_LIFTED),
    "demand": (
        *(BOTH, listing(HERE, THERE)),
        *(changed("demand.updated", subject=DEMAND), Why.DEMAND_CHANGED),
    ),
    "asked otherwise": (
        *(BOTH, listing(HERE, THERE, parameters={"limit": 3}), NOTHING, Why.PARAMETERS),
    ),
    "cut off": (
        *(listing(THERE, HERE, **LONG), listing(THERE, **SHORT)),
        *(changed("expert.encoded"), Why.PARAMETERS),
    ),
    "added below": (
        *(listing(THERE, **SHORT), listing(THERE, HERE, **LONG)),
        *(changed("expert.encoded"), Why.PARAMETERS),
    ),
    "fell though there was room": (
        *(listing(HERE, THERE, **LONG), listing(THERE, **SHORT)),
        *(changed("expert.encoded"), Why.EXPERT_CHANGED),
    ),
    "rose to where there was room": (
        *(listing(THERE, **SHORT), listing(HERE, THERE, **LONG)),
        *(changed("expert.encoded"), Why.EXPERT_CHANGED),
    ),
    "gone from below": (
        *(listing(THERE, HERE, **LONG), listing(THERE, **SHORT)),
        *(changed("expert.suspended"), Why.EXPERT_LEFT),
    ),
    "new below": (
        *(listing(THERE, **SHORT), listing(THERE, HERE, **LONG)),
        *(changed("expert.in_pool"), Why.EXPERT_NEW),
    ),
    "statistics": (
        *(BOTH, listing(HERE, THERE, statistics=("b", "lsa", 0)), NOTHING, Why.STATISTICS),
    ),
    "others": (BOTH, listing(HERE, THERE), changed("expert.updated", subject=THERE), Why.OTHERS),
}


@pytest.mark.parametrize("case", CASES)
def test_the_nearest_cause_is_told(case: str) -> None:
    before, after, since, why = CASES[case]
    move = next(m for m in moves(before, after, since, DEMAND) if m.expert_id == HERE)
    assert move.why is why
    assert move.constraint == ("absent" if why.startswith("constraint") else "")


def test_who_stands_where_they_stood_is_not_told_of() -> None:
    assert moves(BOTH, BOTH, changed("expert.updated"), DEMAND) == []
    third = uuid7()
    before, after = listing(THERE, HERE, third), listing(third, HERE)
    found = [
        (m.expert_id, m.rank_before, m.rank_after) for m in moves(before, after, NOTHING, DEMAND)
    ]
    assert found == [(third, 3, 1), (THERE, 1, None)]
