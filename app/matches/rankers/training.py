"""A ranker learned from the platform's own verdicts, tried out, kept, and put in force if better.

Judgments from elsewhere have made rankings worse, so there are none: a platform begins with the
library's weights, and until enough has been judged nothing is learned at all.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, islice
from typing import Any
from uuid import UUID

import numpy as np
from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from app.changes import operations as changes
from app.interface.errors import Conflict
from app.interface.language import Text
from app.matches.index import repository as indexes
from app.matches.models import GRADES, Pool, RankerState, StoredRanker
from app.matches.rankers import repository, workflow
from app.matches.rankers.choice import ChosenRanker
from app.matches.rankers.repository import Amount, JudgedRow
from app.scopes import Scope, borrowed
from matching import LATENT, Ranker
from matching.learning import FOLDS, Judged, Outcome, Trial, calibrate, learn, try_out
from matching.weights import FEATURES

# And nobody's verdicts alone decide on how everybody is ranked.
LEAST_DEMANDS, LEAST_VERDICTS, LEAST_ACCOUNTS = 30, 100, 3
MOST_OF_A_DEMAND = 200
TOO_FEW = Text(
    "评判不足：至少需要 {least_accounts} 人作出的 {least_verdicts} 条评判，"
    "且至少 {least_demands} 条需求兼有合适与不合适的候选人；"
    "现有 {accounts} 人的 {verdicts} 条评判、{demands} 条这样的需求"
    "（只计匹配时使用现有编码器 {encoder}、特征相同的评判，其余不计）",
    "Too little was judged: {least_verdicts} verdicts of {least_accounts} people, and"
    " {least_demands} demands with both suitable and unsuitable candidates, are needed; there are"
    " {verdicts} of {accounts} people, and {demands} such demands (verdicts on matches by the"
    " present encoder, {encoder}, and by the same features; others do not count)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Verdicts, the encoder that they were given under, and which features were measured.

    `of_others` are those of all but the one who gave most.
    """

    judged: Judged
    of_others: Judged
    encoder: str
    features: list[str]

    @property
    def counts(self) -> dict[str, Any]:
        """For people, and what a match must have in common with these."""
        suitable = int(self.judged.suitable.sum())
        return {
            "demands": len(np.unique(self.judged.demands)),
            "suitable": suitable,
            "unsuitable": len(self.judged.grades) - suitable,
            "features": self.features,
        }


async def require_enough(session: AsyncSession) -> None:
    """Raises Conflict, which says what is needed and what there is."""
    async with borrowed(session, Scope.INDEX):
        encoder = await _encoder(session)
        amount = await repository.amount_judged(session, encoder)
    if not _is_enough(amount):
        raise Conflict(
            TOO_FEW.format(
                least_accounts=LEAST_ACCOUNTS,
                least_verdicts=LEAST_VERDICTS,
                least_demands=LEAST_DEMANDS,
                accounts=amount.accounts,
                verdicts=amount.verdicts,
                demands=amount.contrasted,
                encoder=encoder,
            )
        )


def _is_enough(amount: Amount) -> bool:
    return (
        amount.accounts >= LEAST_ACCOUNTS
        and amount.verdicts >= LEAST_VERDICTS
        and amount.contrasted >= LEAST_DEMANDS
    )


def as_arrays(rows: Sequence[JudgedRow]) -> Judged:
    """The verdicts as arrays, of each demand a few hundred: pairs grow with their square."""
    of_demands = groupby(rows, key=lambda row: row.demand_id)
    rows = [row for _, own in of_demands for row in islice(own, MOST_OF_A_DEMAND)]
    numbers = {demand: n for n, demand in enumerate(sorted({row.demand_id for row in rows}))}
    values = [[float(row.features.get(name, 0.0)) for name in FEATURES] for row in rows]
    return Judged(
        features=np.array(values, dtype=np.float64).reshape(-1, len(FEATURES)),
        grades=np.array([GRADES[row.verdict] for row in rows], dtype=np.int64),
        demands=np.array([numbers[row.demand_id] for row in rows], dtype=np.int64),
    )


async def train(session: AsyncSession) -> list[StoredRanker]:
    """Learn a version, and put it in force where it orders demands held out better for certain.

    For certain also by the verdicts of all but the one who gave most: one person's do not rank
    experts for everybody. Where it does not, the weights in force may still be calibrated anew: a
    version of its own, if its probabilities are truer for certain. What an administrator has put
    in force stays until an administrator puts another in force or releases it: beside it versions
    are kept alone. `session` reads every verdict. Returns what was learned, which is nothing while
    there are too few verdicts, and where another ranker was put in force while this one was tried
    out: nobody waits for that.
    """
    lesson = await _lesson(session)
    if lesson is None:
        return []
    before = await repository.in_force(session)
    used = ChosenRanker.of(before, lesson.encoder, lesson.features)
    found = await to_thread.run_sync(_try_out, lesson, used.ranker)
    await repository.take_turn(session)
    await session.refresh(before)
    if before.state is not RankerState.IN_FORCE:
        return []
    async with borrowed(session, Scope.LEARNING):
        kept = [
            await _keep(session, ranker, found.trial, outcome, used, lesson)
            for ranker, outcome in found.rankers
        ]
        if found.is_better and not workflow.is_held(before):
            await promote(session, kept[-1], None)
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What was learned with how it did, and whether the last of it is better for certain."""

    trial: Trial
    rankers: list[tuple[Ranker, Outcome]]
    is_better: bool


def _try_out(lesson: Lesson, in_force: Ranker) -> _Found:
    judged, others = lesson.judged, lesson.of_others
    trial = try_out(judged, in_force)
    has_others = len(np.unique(others.contrasted().demands)) >= FOLDS
    trials = [trial, try_out(others, in_force)] if has_others else []
    rankers = [(learn(judged, in_force), trial.learned)]
    is_better = has_others and all(_is_certain(one.learned.gain.low) for one in trials)
    is_truer = has_others and all(_is_certain(one.recalibrated.brier_gain.low) for one in trials)
    if not is_better and is_truer:
        anew = Ranker(weights=in_force.weights, calibration=calibrate(judged, in_force.weights))
        rankers.append((anew, trial.recalibrated))
        is_better = True
    return _Found(trial=trial, rankers=rankers, is_better=is_better)


async def promote(session: AsyncSession, ranker: StoredRanker, account_id: UUID | None) -> None:
    """Put a ranker in force instead of the one that is; whoever calls this has its turn."""
    before = await repository.in_force(session)
    workflow.retire(before)
    await changes.append(session, "ranker.retired", before.id, actor_id=account_id)
    workflow.put_in_force(ranker, account_id)
    await changes.append(session, "ranker.promoted", ranker.id, actor_id=account_id)


async def is_behind(session: AsyncSession) -> bool:
    """Whether something was judged since a ranker was learned."""
    newest, last = await repository.newest(session), await repository.last_judged_at(session)
    return last is not None and (newest.number == 0 or last > newest.created_at)


async def _keep(
    session: AsyncSession,
    ranker: Ranker,
    trial: Trial,
    outcome: Outcome,
    compared: ChosenRanker,
    lesson: Lesson,
) -> StoredRanker:
    number = (await repository.newest(session)).number + 1
    stored = StoredRanker(
        number=number,
        state=RankerState.CANDIDATE,
        encoder=lesson.encoder,
        weights=asdict(ranker.weights),
        calibration=asdict(ranker.calibration),
        learned_from=lesson.counts,
        metrics={
            "compared_with": compared.number,
            "demands": trial.demands,
            "in_force": asdict(trial.in_force),
            "default": asdict(trial.default),
            **asdict(outcome),
        },
    )
    session.add(stored)
    await changes.append(session, "ranker.trained", stored.id)
    return stored


def _is_certain(low: float | None) -> bool:
    """Whether the lower end of a 95 % interval lies above nothing."""
    return low is not None and low > 0


async def _lesson(session: AsyncSession) -> Lesson | None:
    """What there is to learn from, if it is enough."""
    encoder = await _encoder(session)
    amount = await repository.amount_judged(session, encoder)
    if not _is_enough(amount):
        return None
    rows = await repository.judged(session, encoder, amount.features)
    return await to_thread.run_sync(_lesson_of, rows, encoder, amount.features)


def _lesson_of(rows: Sequence[JudgedRow], encoder: str, features: list[str]) -> Lesson:
    [(most, _)] = Counter(row.account_id for row in rows).most_common(1)
    others = [row for row in rows if row.account_id != most]
    return Lesson(
        judged=as_arrays(rows), of_others=as_arrays(others), encoder=encoder, features=features
    )


async def _encoder(session: AsyncSession) -> str:
    """Features of one dense space mean nothing in another: that of the experts' index counts."""
    stored = await indexes.newest(session, Pool.EXPERTS)
    return LATENT if stored is None else stored.encoder
