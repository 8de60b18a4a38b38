"""Verdicts leave as files, and come back as judgments."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.evaluation.cases import DEMANDS, EXPERTS, JUDGMENTS, read_cases
from app.evaluation.configurations import configuration
from app.evaluation.exporting import NotExported, export
from app.evaluation.ranking import Bench
from app.experts.models import ExpertState
from app.scopes import Scope, within
from tests.app.matches import scenes
from tests.people import People

NAME = "某某人的姓名"


async def test_verdicts_are_read_again_as_judgments(
    app: FastAPI, people: People, session: AsyncSession, tmp_path: Path
) -> None:
    pool = await scenes.pool(session)
    introduction = f"{NAME}，长期从事染整，电话 0579-85550100，xie@test.invalid"
    named = await scenes.expert(session, NAME, "锦纶整理", introduction=introduction)
    demand = await scenes.demand(session, await people.organization())
    other = await scenes.demand(session, await people.organization(), title="无人评判的需求")
    staff = await people.coordinator()
    run = await scenes.match(staff, demand.id)
    match_of = {match["expert"]["id"]: match["id"] for match in run["matches"]}
    said = {
        pool["染整"]: ["unsuitable", "recommended", "rejected"],
        pool["茶叶"]: ["suitable", "unsuitable"],
        pool["耐火"]: ["rejected"],
        pool["电机"]: ["suitable"],
        named: ["suitable"],
    }
    for expert, verdicts in said.items():
        for verdict in verdicts:
            assert await scenes.judge(staff, match_of[str(expert.id)], verdict, "理由") == 201
    pool["电机"].state = ExpertState.REMOVED
    await session.commit()
    sessions = within(app.state.sessions, Scope.INDEX)
    (tmp_path / "new").mkdir()
    in_the_way = tmp_path / "new" / DEMANDS
    in_the_way.symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        await export(sessions, tmp_path / "new")
    in_the_way.unlink()
    told = await export(sessions, tmp_path / "new")  # nothing of the first try is in its way
    assert (told.experts, told.demands, told.judgments) == (4, 1, 3)
    cases = read_cases(tmp_path / "new")
    assert cases.judgments == {
        "judged": {
            str(demand.id): {
                str(pool["染整"].id): 3,
                str(pool["茶叶"].id): 0,
                str(named.id): 2,
            }
        }
    }
    written = "".join((tmp_path / "new" / name).read_text() for name in (EXPERTS, DEMANDS))
    assert "长期从事染整" in written
    assert not any(personal in written for personal in (NAME, "85550100", "xie@"))
    assert other.title not in written
    assert demand.problem in written
    assert (tmp_path / "new" / JUDGMENTS).stat().st_mode & 0o077 == 0
    ranked = Bench(cases).rank(configuration("without-encoder"))[str(demand.id)]
    assert {one.candidate_id for one in ranked} == {case.expert_id for case in cases.experts}
    with pytest.raises(NotExported):
        await export(sessions, tmp_path / "new")


async def test_without_judgments_nothing_is_written(
    app: FastAPI, session: AsyncSession, tmp_path: Path
) -> None:
    await scenes.pool(session)
    with pytest.raises(NotExported):
        await export(within(app.state.sessions, Scope.INDEX), tmp_path / "new")
    assert not (tmp_path / "new").exists()
