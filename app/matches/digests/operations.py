"""What is new in the standing matches of a coordinator's regions."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.clock import now
from app.demands import access as demand_access
from app.demands.schemas import PublicDemand
from app.interface.pagination import Page, Pages
from app.matches.digests import repository
from app.matches.digests.repository import NetMoves
from app.matches.models import Match, MatchRun
from app.matches.schemas import MatchedExpert
from app.matches.standing.schemas import DigestItem, DigestQuery, Newcomer
from app.organizations.actors import Actor

MOST_DEMANDS = 200
SORTS = {"created_at": MatchRun.created_at}


async def read(pages: Pages, actor: Actor, query: DigestQuery) -> Page[DigestItem]:
    """Demands of the actor's regions whose latest match, made since then, was made unasked."""
    carried = demand_access.in_staffs_jurisdiction(actor)
    told = await told_at(pages.session, actor.account_id)
    latest = told[0] if told else now()
    asked = query.created_at_gte or since(told[1:], latest)
    page = await pages.read(
        repository.listed_news(asked, carried),
        query=query,
        columns=SORTS,
        show=lambda run: run,
    )
    ids = [run.id for run in page.items]
    moves = await repository.net_moves(pages.session, ids, since=asked)
    newcomers = await repository.newcomers(pages.session, [m.newcomer_id for m in moves.values()])
    items = [_show(actor, run, moves[run.id], newcomers) for run in page.items]
    return Page(items=items, next_cursor=page.next_cursor, total=page.total)


async def told_at(session: AsyncSession, account_id: UUID | None) -> Sequence[datetime]:
    """When the account was told the last two times that there is something new, latest first."""
    return await repository.told_at(session, account_id, 2) if account_id else []


def since(told_at: Sequence[datetime], moment: datetime) -> datetime:
    """From when on something is new: the last of these moments, else a day ago."""
    return told_at[0] if told_at else moment - timedelta(days=1)


async def count_new(session: AsyncSession, actor: Actor, since: datetime) -> int:
    """How many experts are new in the lists of the actor's regions, of 200 demands at most."""
    carried = demand_access.in_staffs_jurisdiction(actor)
    runs = await session.scalars(repository.listed_news(since, carried).limit(MOST_DEMANDS))
    moves = await repository.net_moves(session, [run.id for run in runs], since=since)
    return sum(net.entered for net in moves.values())


def _show(actor: Actor, run: MatchRun, net: NetMoves, newcomers: dict[UUID, Match]) -> DigestItem:
    best = newcomers.get(net.newcomer_id) if net.newcomer_id else None
    return DigestItem(
        demand=PublicDemand.of(
            run.demand, allowed_actions=demand_access.allowed_actions(actor, run.demand)
        ),
        run_id=run.id,
        run_created_at=run.created_at,
        with_run_id=net.with_run_id,
        entered=net.entered,
        left=net.left,
        moved=net.moved,
        best_newcomer=None
        if best is None
        else Newcomer(
            match_id=best.id,
            rank=best.rank,
            score=best.score,
            expert=MatchedExpert.model_validate(best.expert),
        ),
    )
