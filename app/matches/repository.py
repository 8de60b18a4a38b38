"""Every SELECT on match runs, matches and judgments."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, contains_eager, joinedload, selectinload

from app import queries
from app.demands.models import Demand, DemandState
from app.demands.workflow import SOUGHT
from app.experts.models import Evidence, Expert, ExpertKind
from app.matches.models import (
    GRADES,
    RULING_OUT,
    Judgment,
    Match,
    MatchReview,
    MatchRun,
    Verdict,
)
from app.matches.schemas import EarlierVerdict, MatchBody, MatchQuery, MatchRunBody, ReviewQuery
from app.organizations.models import Membership, MembershipState, Organization


def _is_one_of(column: InstrumentedAttribute[UUID], name: str) -> ColumnElement[bool]:
    """Unlike IN, one parameter however many ids there are, so that the statement stays prepared.

    It is text as `_array` writes it: the driver takes longer to write a list than all else.
    """
    return column == any_(cast(bindparam(name, type_=Text), ARRAY(Uuid)))


def _array(ids: Iterable[str]) -> str:
    return f"{{{','.join(ids)}}}"


class Card(NamedTuple):
    """What is shown of a candidate; `titles` names the cited evidence by its id as text."""

    id: UUID
    name: str
    kind: ExpertKind
    title: str
    organization_name: str
    region_code: str | None
    titles: dict[str, str] | None


class Basis(NamedTuple):
    """What a match is stored upon, see `hold`.

    erased: those of its people who were, by their ids as text.
    latest_run_id: of the demand, unless it has no run that was not withdrawn.
    verdicts: what was said last of each expert for the demand, whoever said it.
    """

    erased: Set[str]
    state: DemandState
    latest_run_id: UUID | None
    verdicts: Mapping[UUID, EarlierVerdict]


# Written once, as every match asks: to put the statement together takes longer than to run it.
CARDS = select(
    *(Expert.id, Expert.name, Expert.kind, Expert.title),
    *(Expert.organization_name, Expert.region_code),
    select(func.jsonb_object_agg(Evidence.id, Evidence.title))
    .where(Evidence.expert_id == Expert.id, _is_one_of(Evidence.id, "document_ids"))
    .scalar_subquery()
    .label("titles"),
).where(_is_one_of(Expert.id, "expert_ids"))

HELD_STATE = (
    select(Demand.state)
    .where(Demand.id == bindparam("demand_id"))
    .with_for_update(read=True, of=Demand)
)
# Who was erased and what was said are looked for beyond what the scope shows; the demand is not.
HELD = text("SELECT * FROM held_for_match(:demand_id, CAST(CAST(:expert_ids AS text) AS uuid[]))")
# It looks beyond what the scope shows.
ACTING_FOR = text("SELECT * FROM experts_acting_for(:organization_id)")

# Two statements in it: the rule of matches looks for their run.
ADD_RUN = text("SELECT FROM add_match_run(CAST(:run AS jsonb), CAST(:matches AS jsonb))")


async def find_run(session: AsyncSession, run_id: UUID) -> MatchRun | None:
    """The run with its demand."""
    return await session.get(MatchRun, run_id, options=[joinedload(MatchRun.demand)])


def listed_runs(demand_id: UUID) -> Select[MatchRun]:
    return select(MatchRun).where(MatchRun.demand_id == demand_id)


def listed_matches(run_id: UUID, query: MatchQuery) -> Select[Match]:
    """The candidates of a run, with their experts."""
    statement = select(Match).where(Match.run_id == run_id).options(selectinload(Match.expert))
    return statement.where(*queries.equals(Match, query, ("verdict",)))


async def find_match(
    session: AsyncSession, match_id: UUID, *, is_for_update: bool = False
) -> Match | None:
    """The match with its expert, reviews, run and demand; see `queries.find_one`."""
    statement = (
        select(Match)
        .where(Match.id == match_id)
        .options(
            selectinload(Match.expert),
            selectinload(Match.reviews),
            selectinload(Match.run).selectinload(MatchRun.demand),
        )
    )
    return await queries.find_one(session, statement, Match, is_for_update=is_for_update)


async def run_of_match(session: AsyncSession, match_id: UUID) -> MatchRun:
    """The run in which the match was found, with its demand."""
    statement = select(MatchRun).join(Match, Match.run_id == MatchRun.id)
    found = statement.where(Match.id == match_id).options(joinedload(MatchRun.demand))
    return (await session.scalars(found)).one()


# Of judgments on the fit, which alone are learned from and measured with.
IS_GRADED = Judgment.verdict.in_(GRADES)


def standing_judgments(
    which: ColumnElement[bool],
) -> Select[UUID, UUID, UUID, Verdict, datetime]:
    """The latest judgment on each expert for each demand, whichever run it was given in.

    Rows of (demand_id, expert_id, match_id, verdict, created_at).
    """
    pair = (MatchRun.demand_id, Match.expert_id)
    return (
        select(*pair, Judgment.match_id, Judgment.verdict, Judgment.created_at)
        .join(Match, Judgment.match_id == Match.id)
        .join(MatchRun, Match.run_id == MatchRun.id)
        .where(which)
        .ext(distinct_on(*pair))
        .order_by(*pair, Judgment.created_at.desc(), Judgment.id.desc())
    )


def listed_recommendations(demand_id: UUID) -> Select[Match]:
    """The matches that stand recommended for a demand: one for each expert, over all its runs."""
    latest = standing_judgments(MatchRun.demand_id == demand_id).subquery()
    return (
        select(Match)
        .join(latest, latest.c.match_id == Match.id)
        .where(latest.c.verdict == Verdict.RECOMMENDED)
        .options(selectinload(Match.expert))
    )


async def ruled_out(session: AsyncSession, demand_id: UUID) -> dict[UUID, Verdict]:
    """The experts whom the latest verdict for a demand finds unsuitable or rejects."""
    latest = standing_judgments(MatchRun.demand_id == demand_id).subquery()
    statement = select(latest.c.expert_id, latest.c.verdict)
    found = await session.execute(statement.where(latest.c.verdict.in_(RULING_OUT)))
    return {row[0]: row[1] for row in found}


async def recommending_demands(session: AsyncSession, expert_id: UUID) -> Set[UUID]:
    """The demands for which the expert stands recommended."""
    latest = standing_judgments(Match.expert_id == expert_id).subquery()
    standing = select(latest.c.demand_id).where(latest.c.verdict == Verdict.RECOMMENDED)
    return set((await session.scalars(standing)).all())


def listed_of_expert(expert_id: UUID) -> Select[Match]:
    """The expert's matches for demands that are published, with all that decides on a review."""
    return (
        _with_demand(select(Match))
        .where(Match.expert_id == expert_id, Demand.state.in_(SOUGHT))
        .options(selectinload(Match.expert), selectinload(Match.reviews))
    )


def _with_demand(statement: Select[Match]) -> Select[Match]:
    """Join a match's run and demand, and load them with it."""
    return (
        statement.join(MatchRun, Match.run_id == MatchRun.id)
        .join(MatchRun.demand)
        .options(contains_eager(Match.run).contains_eager(MatchRun.demand))
    )


def _reviews() -> Select[MatchReview]:
    """Reviews with the expert, run and demand of their matches."""
    match = contains_eager(MatchReview.match)
    return (
        select(MatchReview)
        .join(MatchReview.match)
        .outerjoin(Match.expert)
        .join(Match.run)
        .join(MatchRun.demand)
        .options(
            match.contains_eager(Match.expert),
            match.contains_eager(Match.run).contains_eager(MatchRun.demand),
        )
    )


async def find_review(
    session: AsyncSession, review_id: UUID, *, is_for_update: bool = False
) -> MatchReview | None:
    """The review with its match; see `queries.find_one`."""
    statement = _reviews().where(MatchReview.id == review_id)
    return await queries.find_one(session, statement, MatchReview, is_for_update=is_for_update)


def listed_reviews(query: ReviewQuery, readable: ColumnElement[bool]) -> Select[MatchReview]:
    return _reviews().where(readable, *queries.equals(MatchReview, query, ("state",)))


async def held_state(session: AsyncSession, demand: Demand) -> DemandState:
    """The demand's state now; whoever withdraws it waits for this transaction.

    But for a partner, who may not touch the demand: that is only read again.
    """
    held = await session.scalar(HELD_STATE, {"demand_id": demand.id})
    if held is None:
        held = await session.scalar(select(Demand.state).where(Demand.id == demand.id))
    return held or demand.state


async def held_erasure(session: AsyncSession, match_id: UUID) -> bool:
    """Whether a match's expert was erased; whoever erases them waits for this transaction."""
    erased = (
        select(Expert.erased_at)
        .join(Match, Match.expert_id == Expert.id)
        .where(Match.id == match_id)
        .with_for_update(read=True, of=Expert)
    )
    return await session.scalar(erased) is not None


async def hold(session: AsyncSession, demand: Demand, expert_ids: Iterable[str]) -> Basis:
    """What is true now of the demand and of many experts, whoever may read these.

    Whoever erases one of them or withdraws the demand waits until the transaction ends, but a
    partner's match holds no demand, see `held_state`. People are locked before the demand and in
    the order of their ids, as everywhere.
    """
    asked = {"demand_id": demand.id, "expert_ids": _array(expert_ids)}
    row = (await session.execute(HELD, asked)).one()
    return Basis(
        erased={str(one) for one in row.erased},
        state=DemandState(row.state or demand.state),
        latest_run_id=row.latest_run_id,
        verdicts={UUID(i): EarlierVerdict(**said) for i, said in row.verdicts.items()},
    )


async def expert_id_of(session: AsyncSession, match_id: UUID) -> UUID | None:
    """Whom a match is about."""
    return await session.scalar(select(Match.expert_id).where(Match.id == match_id))


async def experts_acting_for(session: AsyncSession, organization_id: UUID) -> Sequence[UUID]:
    """The experts who hold an approved membership of an organization."""
    return (await session.scalars(ACTING_FOR, {"organization_id": organization_id})).all()


async def names_of_organizations(
    session: AsyncSession, organization_ids: Collection[UUID]
) -> dict[UUID, str]:
    """Of those that the scope shows."""
    if not organization_ids:
        return {}
    named = select(Organization.id, Organization.name).where(Organization.id.in_(organization_ids))
    return {row[0]: row[1] for row in await session.execute(named)}


async def organizations_of(session: AsyncSession, account_id: UUID) -> Sequence[UUID]:
    """The organizations that an account acts for."""
    approved = Membership.state == MembershipState.APPROVED
    statement = select(Membership.organization_id).where(Membership.account_id == account_id)
    return (await session.scalars(statement.where(approved))).all()


def listed_judgments(match_id: UUID) -> Select[Judgment]:
    return select(Judgment).where(Judgment.match_id == match_id)


async def cards_of(
    session: AsyncSession, expert_ids: Iterable[str], document_ids: Iterable[str]
) -> dict[str, Card]:
    """The experts' cards by id, with the titles of those of the documents that are evidence."""
    asked = {"expert_ids": _array(expert_ids), "document_ids": _array(document_ids)}
    rows = await session.execute(CARDS, asked)
    return {str(row.id): Card(*row) for row in rows}


async def add_run(
    session: AsyncSession,
    run: MatchRunBody,
    matches: Sequence[MatchBody],
    features: Sequence[Mapping[str, float]],
) -> None:
    """Insert a run and its candidates, each with its features.

    They go as two JSON parameters: with one for each value the driver alone would take 10 ms.
    """
    rows = [
        {
            **dict(match),
            "expert_id": match.expert.id,
            "features": its_features,
            "created_at": run.created_at,
            "updated_at": run.created_at,
            "version": run.version,
        }
        for match, its_features in zip(matches, features, strict=True)
    ]
    await session.execute(ADD_RUN, {"run": _json(dict(run)), "matches": _json(rows)})


def _json(value: object) -> str:
    return to_json(value).decode()
