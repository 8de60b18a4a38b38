"""HTTP for matching, in every direction, and for verdicts."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from app.clock import MomentDep
from app.database import SessionDep
from app.demands.diagnosis.schemas import DiagnosisBody
from app.interface.admission import limited
from app.interface.auditing import sensitive
from app.interface.idempotency import repeated_if, unkept
from app.interface.language import LanguageDep
from app.interface.pagination import Page, PagesDep
from app.interface.policies import RateClass
from app.interface.routing import DomainRouter
from app.matches import (
    diagnosing,
    directions,
    judging,
    operations,
    presentation,
    reviews,
    running,
)
from app.matches.conflicts import checking
from app.matches.conflicts.schemas import ConflictBody, ConflictCheck
from app.matches.index import state as index_state
from app.matches.index.ranking import MatcherDep
from app.matches.limits import LimitsDep
from app.matches.schemas import (
    AchievementMatch,
    DemandMatch,
    IndexBody,
    Judging,
    JudgmentBody,
    JudgmentQuery,
    MatchBody,
    MatchQuery,
    MatchRunBody,
    OwnMatch,
    OwnMatchQuery,
    Preview,
    PreviewBody,
    RankQuery,
    RecommendationQuery,
    ReviewAnswer,
    ReviewBody,
    ReviewQuery,
    ReviewRequest,
    RunQuery,
)
from app.matches.standing.schemas import MatchRequest, MatchRunWithMatches
from app.organizations.actors import AdministratorActor, CurrentActor, StaffActor
from app.progress.accepting import AcceptedDep
from app.progress.schemas import OperationBody

router = DomainRouter("matches")

RankQueryDep = Annotated[RankQuery, Query()]


@router.post("/demands/{demand_id:uuid}:match", status_code=status.HTTP_201_CREATED)
@repeated_if(
    lambda values: operations.demand_of_staff(
        values["session"], values["actor"], values["demand_id"]
    )
)
@limited(RateClass.EXPENSIVE)
async def match_demand(
    session: SessionDep,
    actor: StaffActor,
    matcher: MatcherDep,
    limits: LimitsDep,
    demand_id: UUID,
    data: MatchRequest,
) -> MatchRunWithMatches:
    """匹配专家 · Rank the pool for a published demand and keep the run, or only try it."""
    return await running.run(session, actor, matcher, demand_id, data, limits)


@router.post("/matches:preview")
@unkept
@limited(RateClass.EXPENSIVE)
async def preview_match(
    session: SessionDep, actor: StaffActor, matcher: MatcherDep, limits: LimitsDep, data: Preview
) -> PreviewBody:
    """试匹配 · Rank the pool for a free text; nothing is stored."""
    return await operations.preview(session, matcher, data, limits)


@router.get("/demands/{demand_id:uuid}/match-runs")
async def list_match_runs(
    pages: PagesDep,
    actor: StaffActor,
    demand_id: UUID,
    query: Annotated[RunQuery, Query()],
) -> Page[MatchRunBody]:
    """匹配批次 · The runs of a demand, latest first."""
    return await operations.list_runs(pages, actor, demand_id, query)


@router.get("/match-runs/{run_id:uuid}")
async def read_match_run(session: SessionDep, actor: StaffActor, run_id: UUID) -> MatchRunBody:
    """批次详情 · What a run depended on, and whom the constraints kept out."""
    return presentation.show_run(await operations.get_run(session, actor, run_id))


@router.get("/match-runs/{run_id:uuid}/matches")
async def list_matches(
    pages: PagesDep, actor: StaffActor, run_id: UUID, query: Annotated[MatchQuery, Query()]
) -> Page[MatchBody]:
    """候选人 · The ranked experts of a run, with reasons that add up."""
    return await operations.list_matches(pages, actor, run_id, query)


@router.post("/conflicts:check")
@unkept
async def check_conflicts(
    session: SessionDep,
    actor: StaffActor,
    limits: LimitsDep,
    moment: MomentDep,
    data: ConflictCheck,
) -> list[ConflictBody]:
    """利益冲突核查 · Every reason against each expert, of those one may read; nothing is stored."""
    return await checking.check(session, actor, data, limits, moment)


@router.post("/matches/{match_id:uuid}:judge", status_code=status.HTTP_201_CREATED)
async def judge_match(
    session: SessionDep,
    actor: StaffActor,
    limits: LimitsDep,
    moment: MomentDep,
    match_id: UUID,
    data: Judging,
) -> JudgmentBody:
    """评判 · Suitable, unsuitable, recommended or rejected; kept with the features as shown."""
    return await judging.judge(session, actor, match_id, data, limits, moment)


@router.get("/matches/{match_id:uuid}/judgments")
async def list_judgments(
    pages: PagesDep,
    actor: StaffActor,
    match_id: UUID,
    query: Annotated[JudgmentQuery, Query()],
) -> Page[JudgmentBody]:
    """评判记录 · Every verdict on a match."""
    return await judging.list_judgments(pages, actor, match_id, query)


@router.get("/demands/{demand_id:uuid}/recommendations")
@sensitive()
async def list_recommendations(
    pages: PagesDep,
    actor: CurrentActor,
    demand_id: UUID,
    query: Annotated[RecommendationQuery, Query()],
) -> Page[MatchBody]:
    """推荐专家 · The experts that a coordinator recommended to the enterprise."""
    return await judging.list_recommendations(pages, actor, demand_id, query)


@router.get("/experts/{expert_id:uuid}/matching-demands")
@limited(RateClass.EXPENSIVE)
async def list_matching_demands(
    session: SessionDep,
    actor: CurrentActor,
    matcher: MatcherDep,
    expert_id: UUID,
    query: RankQueryDep,
) -> list[DemandMatch]:
    """适合专家的需求 · Published demands that suit an expert."""
    return await directions.demands_for_expert(session, actor, matcher, expert_id, query.limit)


@router.get("/demands/{demand_id:uuid}/similar-demands")
@limited(RateClass.EXPENSIVE)
async def list_similar_demands(
    session: SessionDep,
    actor: StaffActor,
    matcher: MatcherDep,
    demand_id: UUID,
    query: RankQueryDep,
) -> list[DemandMatch]:
    """相似需求 · Published demands that ask for much the same."""
    return await directions.similar_demands(session, actor, matcher, demand_id, query.limit)


@router.get("/demands/{demand_id:uuid}/matching-achievements")
@limited(RateClass.EXPENSIVE)
async def list_matching_achievements(
    session: SessionDep,
    actor: CurrentActor,
    matcher: MatcherDep,
    demand_id: UUID,
    query: RankQueryDep,
) -> list[AchievementMatch]:
    """可用成果 · Published achievements that may solve a demand."""
    return await directions.achievements_for_demand(session, actor, matcher, demand_id, query.limit)


@router.get("/demands/{demand_id:uuid}/diagnosis")
@limited(RateClass.EXPENSIVE)
async def diagnose_demand(
    session: SessionDep,
    actor: CurrentActor,
    matcher: MatcherDep,
    language: LanguageDep,
    demand_id: UUID,
) -> DiagnosisBody:
    """需求诊断 · What is missing or vague, and the terms to weigh; for who reads it in full."""
    return await diagnosing.diagnose(session, actor, matcher, demand_id, language)


@router.get("/experts/{expert_id:uuid}/matches")
@limited(RateClass.EXPENSIVE)
async def list_own_matches(
    pages: PagesDep,
    actor: CurrentActor,
    expert_id: UUID,
    query: Annotated[OwnMatchQuery, Query()],
) -> Page[OwnMatch]:
    """我的匹配 · Where the expert stood for published demands, and why; for the expert alone."""
    return await reviews.list_own_matches(pages, actor, expert_id, query)


@router.post("/matches/{match_id:uuid}:request-review", status_code=status.HTTP_201_CREATED)
async def request_match_review(
    session: SessionDep, actor: CurrentActor, match_id: UUID, data: ReviewRequest
) -> ReviewBody:
    """申请人工复核 · The candidate asks that a person look at this match."""
    return await reviews.request(session, actor, match_id, data)


@router.get("/match-reviews")
async def list_match_reviews(
    pages: PagesDep, actor: CurrentActor, query: Annotated[ReviewQuery, Query()]
) -> Page[ReviewBody]:
    """人工复核列表 · One's own, and for staff those about demands of their region."""
    return await reviews.search(pages, actor, query)


@router.get("/match-reviews/{review_id:uuid}")
async def read_match_review(
    session: SessionDep, actor: CurrentActor, review_id: UUID
) -> ReviewBody:
    """人工复核详情 · What was asked, and what a person answered."""
    return await reviews.get(session, actor, review_id)


@router.post("/match-reviews/{review_id:uuid}:answer")
async def answer_match_review(
    session: SessionDep, actor: StaffActor, review_id: UUID, data: ReviewAnswer
) -> ReviewBody:
    """答复复核 · Staff of the demand's region say what they found."""
    return await reviews.answer(session, actor, review_id, data)


@router.get("/match-indexes")
async def list_indexes(
    session: SessionDep, actor: StaffActor, matcher: MatcherDep
) -> list[IndexBody]:
    """索引状态 · Version, size and missing vectors of each pool's index in this process."""
    return await index_state.read(session, matcher)


@router.post("/match-indexes:refit", status_code=status.HTTP_202_ACCEPTED)
@limited(RateClass.EXPENSIVE)
async def refit_indexes(
    session: SessionDep, actor: AdministratorActor, accepted: AcceptedDep
) -> OperationBody:
    """重建索引 · Ask the worker for new statistics of every pool; `Location` tells how far."""
    return accepted.show(await index_state.ask_for_refit(session, actor))
