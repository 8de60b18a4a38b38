"""Verdicts whose truth is known, stored as if coordinators had given them; and the jobs."""

import numpy as np
from fastapi import FastAPI
from scipy.special import expit
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Account, Role
from app.experts.models import Expert
from app.jobs import observed, queue
from app.matches.index.encoding import MatchingWork
from app.matches.models import Judgment, Match, MatchRun, Trigger, Verdict
from app.organizations.models import Organization
from app.progress.following import follow_job
from app.scopes import Scope, within
from matching import Weights
from matching.learning import fused
from matching.weights import FEATURES
from tests.app.demands import forms
from tests.app.matches import scenes

DEVIATIONS = np.array([0.03, 0.08, 0.09, 0.09])
# What the default weights overlook: topics say all, and hubs nothing.
TRUE = Weights(lexical=0.5, topic=6.0, passage=0.5, hubness=0.0)
EACH = 8  # candidates of a demand
CROPS = ("水稻育种；抗病基因", "食用菌栽培", "柑橘保鲜；采后生理", "淡水鱼养殖")
VERDICTS = {True: (Verdict.SUITABLE, Verdict.RECOMMENDED), False: (Verdict.UNSUITABLE,)}


async def _judges(session: AsyncSession, count: int) -> list[Account]:
    accounts = [
        Account(
            email=f"judge{n}@test.invalid",
            display_name=f"评判人{n}",
            role=Role.COORDINATOR,
            password_hash="",
        )
        for n in range(count)
    ]
    session.add_all(accounts)
    await session.flush()
    return accounts


async def store(
    session: AsyncSession,
    organization: Organization,
    truth: Weights | None,
    *,
    demands: int = 60,
    intercept: float = 0.0,
    encoder: str = "lsa",
    judges: int = 3,
    is_first_alone: bool = False,
) -> None:
    """Runs of as many demands, and a verdict on each candidate: by the true score, or by a coin.

    is_first_alone: the first judge gives most verdicts, and the others throw coins.
    """
    accounts = await _judges(session, judges)
    random = np.random.default_rng(0)
    directions = [*scenes.DIRECTIONS.values(), *CROPS]
    experts = [await scenes.expert(session, f"专家{n}", directions[n]) for n in range(EACH)]
    for number in range(demands):
        demand = await forms.store(session, organization, title=f"需求{number}")
        run = MatchRun(
            demand_id=demand.id,
            trigger=Trigger.BY_HAND,
            index_version="",
            encoder=encoder,
            pending=0,
            parameters={},
            durations={},
            exclusions=[],
        )
        features = random.normal(size=(EACH, len(FEATURES))) * DEVIATIONS
        judge = 0 if is_first_alone and number % 4 else number % judges
        logits = np.zeros(EACH)
        if truth is not None and not (is_first_alone and judge > 0):
            logits = 15 * fused(features, truth)
        suitable = random.random(EACH) < expit(logits + intercept)
        session.add(run)
        await session.flush()
        said: list[Judgment] = []
        for place, expert in enumerate(experts):
            verdict = VERDICTS[bool(suitable[place])][place % (1 + bool(suitable[place]))]
            shown = dict(zip(FEATURES, features[place].tolist(), strict=True))
            judgment = add(session, run, expert, place + 1, shown, verdict)
            judgment.account_id = accounts[judge].id
            said.append(judgment)
        await session.flush()
        session.add_all(said)
    await session.commit()


def add(
    session: AsyncSession,
    run: MatchRun,
    expert: Expert,
    rank: int,
    features: dict[str, float],
    verdict: Verdict,
) -> Judgment:
    """A match; the judgment on it is added once the match is there."""
    match = Match(
        run_id=run.id,
        expert_id=expert.id,
        rank=rank,
        score=0.0,
        contributions=[],
        features=features,
        terms=[],
        evidence=[],
        uncovered_keywords=[],
        is_pending=False,
        verdict=verdict,
    )
    session.add(match)
    said = {"match_id": match.id, "rank": rank, "score": 0.0, "features": features}
    return Judgment(**said, verdict=verdict, reason="", index_version="")


async def work(app: FastAPI, *tasks: str) -> None:
    """Jobs, and all that waits, by a real worker."""
    sessions = app.state.sessions
    matching = MatchingWork(sessions=within(sessions, Scope.INDEX), matcher=app.state.matcher)
    for task in tasks:
        await queue.tasks[task].defer_async()
    await queue.run_worker_async(
        wait=False,
        listen_notify=False,
        install_signal_handlers=False,
        additional_context={"matching": matching, "sessions": sessions},
        worker_middleware=[observed, follow_job],
    )
