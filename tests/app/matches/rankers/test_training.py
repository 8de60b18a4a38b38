"""Training: better for certain is put in force, all else is only kept."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.matches.models import GRADES, Judgment, Match, MatchRun, RankerState, StoredRanker, Verdict
from app.matches.rankers import repository, training
from app.matches.rankers.repository import Amount
from app.matches.rankers.training import as_arrays
from app.scopes import Scope, within
from matching import DEFAULT_WEIGHTS
from matching.weights import FEATURES
from tests.app.matches import scenes
from tests.app.matches.rankers import verdicts
from tests.app.matches.rankers.verdicts import TRUE, work
from tests.locks import Locks
from tests.people import People


async def listed(client: AsyncClient) -> list[dict[str, Any]]:
    answer = await client.get("/rankers")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_what_is_better_for_certain_is_put_in_force_and_ranks_at_once(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    await verdicts.store(session, organization, TRUE)
    administrator, staff = await people.administrator(), await people.coordinator()
    answer = await administrator.post("/rankers:train")
    assert answer.status_code == 202, answer.text
    await work(app)
    operation = (await administrator.get(f"/operations/{answer.json()['id']}")).json()
    assert (operation["state"], operation["result_path"]) == ("done", "/api/v1/rankers")
    assert (operation["done_count"], operation["total_count"]) == (1, 1)
    learned, library = await listed(staff)
    assert (library["number"], library["state"]) == (0, "retired")
    assert (learned["number"], learned["state"], learned["encoder"]) == (1, "in_force", "lsa")
    assert learned["promoted_by_id"] is None
    assert learned["weights"]["topic"] > 1.2
    assert learned["weights"]["lexical"] < 4.0
    found = learned["learned_from"]
    assert found["demands"] == 60
    assert found["suitable"] + found["unsuitable"] == 480
    metrics = learned["metrics"]
    assert metrics["gain"]["low"] > 0
    assert metrics["compared_with"] == 0
    assert metrics["in_force"] == metrics["default"]
    assert metrics["reliability"]["verdicts"] == 480
    assert sum(one["count"] for one in metrics["reliability"]["bins"]) == 480
    demand = await scenes.demand(session, organization)
    run = await scenes.match(staff, demand.id)
    assert run["ranker_version"] == 1
    assert {m["confidence"]["calibration"] for m in run["matches"]} == {"own"}
    for match in run["matches"]:
        total = sum(c["value"] for c in match["contributions"])
        assert total == pytest.approx(match["score"], abs=1e-6)


async def test_what_an_administrator_put_in_force_stays_whatever_is_learned(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    """As a rollback for a reason that no verdict tells would else last one night."""
    await verdicts.store(session, await people.organization(), TRUE)
    administrator = await people.administrator()
    await work(app, "train_nightly")
    learned, library = await listed(administrator)
    assert learned["state"] == "in_force"
    answer = await administrator.post(f"/rankers/{library['id']}:promote")
    assert answer.status_code == 200, answer.text
    await work(app, "train_ranker")
    anew, _, library = await listed(administrator)
    assert anew["metrics"]["gain"]["low"] > 0
    assert (anew["state"], library["state"]) == ("candidate", "in_force")


async def test_what_an_administrator_has_released_gives_way_to_what_is_better(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await verdicts.store(session, await people.organization(), TRUE)
    administrator = await people.administrator()
    await work(app, "train_nightly")
    _, library = await listed(administrator)
    for verb in ("promote", "release"):
        answer = await administrator.post(f"/rankers/{library['id']}:{verb}")
        assert answer.status_code == 200, answer.text
    await work(app, "train_ranker")
    anew, _, library = await listed(administrator)
    assert (anew["state"], anew["promoted_by_id"]) == ("in_force", None)
    assert library["state"] == "retired"


async def test_nothing_is_kept_where_another_was_put_in_force_during_the_trial(
    app: FastAPI, people: People, session: AsyncSession, locks: Locks
) -> None:
    """Training waits for its turn only once it has something to write."""
    await verdicts.store(session, await people.organization(), TRUE)
    await work(app, "train_nightly")
    library = (await session.scalars(select(StoredRanker).filter_by(number=0))).one()
    await repository.take_turn(session)
    async with within(app.state.sessions, Scope.INDEX).begin() as own, asyncio.TaskGroup() as both:
        trained = both.create_task(training.train(own))
        await locks.wait(1)
        await training.promote(session, library, None)
        await session.commit()
    assert trained.result() == []
    assert len(await listed(await people.coordinator())) == 2


@pytest.mark.parametrize("truth", [None, DEFAULT_WEIGHTS], ids=["noise", "the default's own"])
async def test_what_gains_nothing_is_kept_and_not_put_in_force(
    app: FastAPI, people: People, session: AsyncSession, truth: Any
) -> None:
    await verdicts.store(session, await people.organization(), truth, demands=40)
    await work(app, "train_nightly")
    first = (await listed(await people.coordinator()))[-2]
    assert (first["number"], first["state"]) == (1, "candidate")
    assert first["metrics"]["gain"]["low"] <= 0


async def test_what_one_person_alone_says_is_put_in_force_by_nobody(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    organization = await people.organization()
    await verdicts.store(session, organization, TRUE, demands=90, is_first_alone=True)
    await work(app, "train_nightly")
    *_, learned, library = await listed(await people.coordinator())
    assert learned["metrics"]["gain"]["low"] > 0
    assert learned["weights"] != library["weights"]
    assert learned["state"] == "candidate"
    # What all of them say of how many are suitable is another matter, and moves no weight.
    in_force = next(r for r in await listed(await people.coordinator()) if r["state"] == "in_force")
    assert in_force["weights"] == library["weights"]


def test_of_one_demand_a_few_hundred_verdicts_count() -> None:
    demand = uuid4()
    features = dict.fromkeys(FEATURES, 0.5)
    rows = [
        repository.JudgedRow(demand, uuid4(), Verdict.SUITABLE, features, None)
        for _ in range(training.MOST_OF_A_DEMAND + 50)
    ]
    assert len(as_arrays(rows).grades) == training.MOST_OF_A_DEMAND


async def test_the_weights_in_force_are_calibrated_anew_where_that_is_truer(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    """As coordinators here find more suitable than those whose judgments made the default."""
    await verdicts.store(
        session, await people.organization(), DEFAULT_WEIGHTS, intercept=1.0, demands=80
    )
    await work(app, "train_nightly")
    anew, learned, library = await listed(await people.coordinator())
    assert [one["state"] for one in (anew, learned, library)] == [
        "in_force",
        "candidate",
        "retired",
    ]
    assert anew["weights"] == library["weights"]
    assert anew["metrics"]["brier_gain"]["low"] > 0
    assert anew["metrics"]["gain"]["mean"] == 0
    assert anew["metrics"]["ndcg_at_10"] == anew["metrics"]["in_force"]
    assert anew["metrics"]["reliability"]["expected_calibration_error"] < 0.1


async def test_of_too_few_verdicts_nothing_is_learned(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await verdicts.store(session, await people.organization(), TRUE, demands=25)
    administrator = await people.administrator()
    for language, words in (
        ("zh-CN", "现有 3 人的 200 条评判"),
        ("en", "are 200 of 3 people, and"),
    ):
        answer = await administrator.post("/rankers:train", headers={"Accept-Language": language})
        assert answer.status_code == 409
        assert words in answer.json()["detail"]
    await work(app, "train_nightly", "train_ranker")
    assert [one["number"] for one in await listed(administrator)] == [0]


async def test_whoever_asked_is_told_that_nothing_was_learned(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    """As where the encoder was changed before the job began."""
    await verdicts.store(session, await people.organization(), TRUE, demands=32)
    administrator = await people.administrator()
    asked = (await administrator.post("/rankers:train")).json()
    await session.execute(update(MatchRun).values(encoder="another"))
    await session.commit()
    await work(app)
    operation = (await administrator.get(f"/operations/{asked['id']}")).json()
    assert (operation["state"], operation["done_count"], operation["total_count"]) == ("done", 0, 0)


async def test_two_people_alone_move_no_ranker(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await verdicts.store(session, await people.organization(), TRUE, judges=2)
    administrator = await people.administrator()
    answer = await administrator.post("/rankers:train")
    assert (answer.status_code, "2 人的 480 条" in answer.json()["detail"]) == (409, True)
    await work(app, "train_nightly")
    assert [one["number"] for one in await listed(administrator)] == [0]


async def test_verdicts_under_another_encoder_do_not_count(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await verdicts.store(session, await people.organization(), TRUE, demands=32, encoder="another")
    answer = await (await people.administrator()).post("/rankers:train")
    assert answer.status_code == 409
    assert "现有 0 人的 0 条评判" in answer.json()["detail"]
    assert "使用现有编码器 lsa、特征相同的评判，其余不计" in answer.json()["detail"]


async def test_at_night_only_something_new_is_learned_from(
    app: FastAPI, people: People, session: AsyncSession
) -> None:
    await verdicts.store(session, await people.organization(), None, demands=32)
    for _ in range(2):
        await work(app, "train_nightly")
    staff = await people.coordinator()
    before = len(await listed(staff))
    match_id = (await session.scalars(select(Match.id).limit(1))).one()
    assert await scenes.judge(staff, str(match_id), "unsuitable", "不符") == 201
    await work(app, "train_nightly")
    assert len(await listed(staff)) > before
    assert before <= 3


async def test_the_last_word_on_the_fit_counts_and_a_rejection_is_none(
    people: People, session: AsyncSession
) -> None:
    """Over all runs of a demand; what lacks a feature was shown before there was it."""
    demand = await scenes.demand(session, await people.organization())
    experts = [await scenes.expert(session, f"专家{n}", "锦纶染色") for n in range(5)]
    shown = dict.fromkeys(FEATURES, 0.5)
    said = [
        (shown, [Verdict.SUITABLE, Verdict.RECOMMENDED]),
        (shown, [Verdict.RECOMMENDED, Verdict.UNSUITABLE]),
        (shown, [Verdict.RECOMMENDED, Verdict.REJECTED]),
        (shown, [Verdict.REJECTED]),
        ({"lexical": 0.5, "topic": 0.5, "passage": 0.5}, [Verdict.SUITABLE]),
    ]
    for rank, (expert, (features, words)) in enumerate(zip(experts, said, strict=True), start=1):
        for verdict in words:
            run = MatchRun(
                demand_id=demand.id,
                trigger="by_hand",
                index_version="",
                encoder="lsa",
                pending=0,
                parameters={},
                durations={},
                exclusions=[],
            )
            session.add(run)
            await session.flush()
            judgment = verdicts.add(session, run, expert, rank, features, verdict)
            await session.flush()
            session.add(judgment)
            await session.commit()
    amount = await repository.amount_judged(session, "lsa")
    assert amount == Amount(verdicts=3, contrasted=1, accounts=0, features=list(FEATURES))
    rows = await repository.judged(session, "lsa", amount.features)
    by_expert = {row.expert_id: row.verdict for row in rows}
    assert [by_expert.get(expert.id) for expert in experts] == [
        Verdict.RECOMMENDED,
        Verdict.UNSUITABLE,
        Verdict.RECOMMENDED,
        None,
        None,
    ]
    judged = as_arrays(rows)
    assert judged.grades.tolist() == [
        GRADES[by_expert[e.id]] for e in sorted(experts[:3], key=lambda e: e.id)
    ]
    assert set(judged.demands.tolist()) == {0}
    assert len(list(await session.scalars(select(Judgment.id)))) == 8


async def test_the_database_counts_what_is_learned_from(
    people: People, session: AsyncSession
) -> None:
    await verdicts.store(session, await people.organization(), None, demands=40, intercept=2.5)
    amount = await repository.amount_judged(session, "lsa")
    judged = as_arrays(await repository.judged(session, "lsa", amount.features))
    assert amount.verdicts == len(judged.grades) == 320
    assert amount.contrasted == len(set(judged.contrasted().demands.tolist())) < 40


async def test_there_is_one_in_force_whatever_is_written(
    people: People, session: AsyncSession
) -> None:
    session.add(StoredRanker(number=1, state=RankerState.IN_FORCE, encoder=""))
    with pytest.raises(IntegrityError):
        await session.flush()
