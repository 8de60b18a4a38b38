"""What is new in the standing matches of a coordinator's regions."""

from uuid import UUID

from app.demands import access as demand_access
from app.demands.schemas import PublicDemand
from app.interface.pagination import Page, Pages
from app.matches.digests import repository
from app.matches.digests.repository import NetMoves
from app.matches.models import Match, MatchRun
from app.matches.schemas import MatchedExpert
from app.matches.standing.schemas import DigestItem, DigestQuery, Newcomer
from app.organizations.actors import Actor

SORTS = {"created_at": MatchRun.created_at}


async def read(pages: Pages, actor: Actor, query: DigestQuery) -> Page[DigestItem]:
    """Demands of the actor's regions whose latest match, made since then, was made unasked."""
    carried = demand_access.in_staffs_jurisdiction(actor)
    page = await pages.read(
        repository.listed_news(query.created_at_gte, carried),
        query=query,
        columns=SORTS,
        show=lambda run: run,
    )
    ids = [run.id for run in page.items]
    moves = await repository.net_moves(pages.session, ids, since=query.created_at_gte)
    newcomers = await repository.newcomers(pages.session, [m.newcomer_id for m in moves.values()])
    items = [_show(actor, run, moves[run.id], newcomers) for run in page.items]
    return Page(items=items, next_cursor=page.next_cursor, total=page.total)


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
