"""Coordinators' verdicts as graded judgments, in the files that `shuangku evaluate` reads."""

import re
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from app import private_files
from app.demands import repository as demands
from app.demands.models import Demand
from app.evaluation.cases import DEMANDS, EXPERTS, JUDGMENTS, DemandCase, ExpertCase, judgment_lines
from app.experts import repository as experts
from app.experts.models import Expert
from app.matches import repository as matches
from app.matches.index import repository as indexes
from app.matches.index.documents import query_of_demand
from app.matches.models import GRADES, Pool
from app.operators import OperatorError
from app.queries import batches
from app.reference.codes import names
from app.scopes import Sessions
from app.scrubbing import WITHHELD

CONTACT = re.compile(r"[^\s<>；，]+@[^\s<>；，]+|\d[\d -]{6,}\d")


class NotExported(OperatorError):
    """Nobody in the pool has been judged, or one of the files is there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    experts: int
    demands: int
    judgments: int


async def export(sessions: Sessions, folder: Path) -> Exported:
    """Write the pool, the judged demands in full and their judgments into a folder.

    Nobody's name or contact is in it, but demands' texts are that not everybody may read: the files
    are private. `sessions` see every verdict. Raises NotExported.
    """
    files = [folder / name for name in (EXPERTS, DEMANDS, JUDGMENTS)]
    if there := next((file for file in files if file.exists()), None):
        raise NotExported(f"{there} 已存在", f"{there} is there already")
    async with sessions.begin() as session:
        pool = await _experts(session)
        grades = await _grades(session, {case.expert_id for case in pool})
        asked = await _demands(session, sorted({demand for demand, _ in grades}))
    if not grades:
        raise NotExported("还没有评判", "there are no judgments yet")
    contents = (_json_lines(pool), _json_lines(asked), judgment_lines(grades))
    with ExitStack() as undo:  # what a failed try leaves would be in the way of the next one
        for file, content in zip(files, contents, strict=True):
            private_files.write_new(file, content.encode())
            undo.callback(file.unlink)
        undo.pop_all()
    return Exported(experts=len(pool), demands=len(asked), judgments=len(grades))


async def _experts(session: AsyncSession) -> list[ExpertCase]:
    found: list[ExpertCase] = []
    for ids in batches(await indexes.member_ids(session, Pool.EXPERTS)):
        by_id = {expert.id: expert for expert in await experts.find_many(session, ids)}
        found += [_expert_case(by_id[expert_id]) for expert_id in ids if expert_id in by_id]
        session.expunge_all()
    return found


async def _demands(session: AsyncSession, demand_ids: Sequence[str]) -> list[DemandCase]:
    found: list[DemandCase] = []
    for ids in batches([UUID(demand_id) for demand_id in demand_ids]):
        found += [_demand_case(demand) for demand in await demands.find_many(session, ids)]
        session.expunge_all()
    return sorted(found, key=lambda case: case.demand_id)


async def _grades(session: AsyncSession, pool: set[str]) -> dict[tuple[str, str], int]:
    """By demand and expert of the pool, what was said of them last."""
    latest = matches.standing_judgments(matches.IS_GRADED)
    rows = await session.execute(latest)
    return {
        (str(row.demand_id), str(row.expert_id)): GRADES[row.verdict]
        for row in rows
        if str(row.expert_id) in pool
    }


def _expert_case(expert: Expert) -> ExpertCase:
    directions = [*expert.research_directions, *expert.specialities, expert.introduction]
    return ExpertCase(
        expert_id=str(expert.id),
        organization=expert.organization_name,
        title=expert.title,
        directions=_without_person("；".join(part for part in directions if part), expert.name),
        achievements=[_without_person(item.title, expert.name) for item in expert.evidence],
    )


def _without_person(text: str, name: str) -> str:
    """What people write of themselves may begin with their name and end with their telephone."""
    return CONTACT.sub(WITHHELD, text.replace(name, WITHHELD))


def _demand_case(demand: Demand) -> DemandCase:
    query = query_of_demand(demand)
    parts = (query.problem, query.indicators, " ".join(query.keywords))
    return DemandCase(
        demand_id=str(demand.id),
        title=demand.title,
        description="\n".join(part for part in parts if part),
        field=names("technology_fields").get(demand.technology_field or "", ""),
    )


def _json_lines(cases: Iterable[BaseModel]) -> str:
    return "".join(f"{case.model_dump_json()}\n" for case in cases)
