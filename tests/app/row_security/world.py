"""A small world with records of every region, state and owner, and somebody of every kind."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.accounts.models import (
    MEMBERS,
    Account,
    ApiKey,
    Identity,
    PasswordReset,
    RecoveryCode,
    RefreshToken,
    Role,
    SecondFactor,
)
from app.achievements.models import Achievement, AchievementState
from app.audit.models import AuditSeal
from app.bulk.kinds import ImportKind, ImportMode
from app.bulk.models import Import, ImportedRow
from app.campaigns.models import Campaign, CampaignEntry, CampaignState
from app.cases.models import Case, CaseParty, CaseState
from app.clock import now, today
from app.corps.models import Corps, CorpsKind, CorpsLevel, CorpsMember, CorpsRole, CorpsState
from app.database import Base
from app.demands.models import Demand, DemandState, Handover, HandoverKind
from app.dockings.agreements.models import Agreement, AgreementKind
from app.dockings.attachments.models import Attachment
from app.dockings.batches.models import BatchItemState, InvitationBatch, InvitationBatchItem
from app.dockings.log.models import EntryKind, LogEntry
from app.dockings.models import Docking, DockingState, DockingStep, Side
from app.dockings.ratings.models import Rating
from app.dockings.services.models import ServiceKind, ServiceRecord
from app.experts.models import (
    Consent,
    ConsentPurpose,
    ConsentSource,
    Evidence,
    EvidenceKind,
    Expert,
    ExpertContact,
    ExpertKind,
    ExpertState,
    Invitation,
)
from app.interface.models import AuditEntry, KeptAnswer, UnsealedEntry
from app.matches.models import (
    Judgment,
    Match,
    MatchReview,
    MatchRun,
    RankerState,
    StandingMatch,
    StandingSubject,
    StandingWork,
    StoredRanker,
    Trigger,
    Verdict,
)
from app.notices.models import Notice
from app.organizations.models import (
    Membership,
    MembershipState,
    Organization,
    OrganizationKind,
    OrganizationState,
)
from app.pools.models import PoolKind, PoolMember, PoolState, SavedQuery, SpecialPool
from app.problems.models import (
    UNDERTAKEN,
    Answer,
    CommonProblem,
    Likeness,
    Origin,
    ProblemExpert,
    ProblemMember,
    ProblemSignature,
    ProblemState,
)
from app.progress.models import Operation, OperationState
from app.questions.models import Consultation, Question, QuestionState
from app.search import search_vector
from app.teams.models import Team, TeamMember, TeamRole, TeamState
from app.webhooks.models import Webhook, WebhookDelivery
from tests.people import GUANGZHOU, JINHUA, YIWU, ZHEJIANG

HANGZHOU, COUNTRY = "330100", "000000"
# The four levels, a neighbour, another province, and no region at all.
REGIONS = (None, ZHEJIANG, JINHUA, YIWU, HANGZHOU, GUANGZHOU)


@dataclass
class World:
    """Everything that was stored, by type."""

    records: dict[type[Base], list[Any]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    def add(self, record: Any) -> Any:
        self.records.setdefault(type(record), []).append(record)
        return record

    def of(self, kind: type[Any]) -> list[Any]:
        return self.records[kind]

    def find(self, kind: type[Any], record_id: UUID | None) -> Any:
        return next(record for record in self.of(kind) if record.id == record_id)


async def build(session: AsyncSession) -> World:
    world = World()
    _organizations(world)
    _accounts(world)
    _memberships(world)
    for role in sorted(MEMBERS):  # who belong to nobody yet
        for region in (None, YIWU):
            _account(world, role, region)
    _experts(world)
    _demands(world)
    for region in REGIONS:
        for state in (AchievementState.REGISTERED, AchievementState.PUBLISHED):
            world.add(_achievement(region, state, None))
    for organization in world.of(Organization)[:6]:
        world.add(_achievement(GUANGZHOU, AchievementState.WITHDRAWN, organization.id))
    _pools(world)
    _campaigns(world)
    _matches(world)
    _problems(world)
    _corps(world)
    _dockings(world)
    _services_of_corps(world)
    _cases(world)
    _teams(world)
    _questions(world)
    for ranker in await session.scalars(select(StoredRanker)):  # the library's own
        world.add(ranker)
    world.add(StoredRanker(number=1, state=RankerState.CANDIDATE, encoder=""))
    _audit(world)
    for records in world.records.values():  # in the order of foreign keys
        session.add_all(records)
        await session.flush()
    await session.commit()
    return world


def _organizations(world: World) -> None:
    for state in OrganizationState:
        for region in REGIONS:
            number = next(world.numbers)
            world.add(
                Organization(
                    name=f"机构{number}",
                    unified_social_credit_code=f"{number:018d}",
                    kind=OrganizationKind.ENTERPRISE,
                    region_code=region,
                    state=state,
                    search=search_vector([]),
                )
            )


def _accounts(world: World) -> None:
    for role in Role:
        for region in REGIONS if role is Role.COORDINATOR else (None, YIWU, GUANGZHOU):
            _account(world, role, region)
    world.of(Account)[0].is_active = False


def _account(world: World, role: Role, region: str | None) -> None:
    number = next(world.numbers)
    account = world.add(
        Account(
            email=f"a{number}@test.invalid",
            display_name=f"{role} {region}",
            role=role,
            region_code=region,
            password_hash="-",
            is_active=True,
        )
    )
    secret, of = str(number).encode(), {"account_id": account.id}
    world.add(ApiKey(**of, name="", prefix="", secret_hash=b"k" + secret))
    world.add(RefreshToken(**of, family_id=account.id, token_hash=b"t" + secret, expires_at=now()))
    world.add(PasswordReset(**of, code_hash=b"r" + secret))
    world.add(Identity(**of, issuer="https://i.invalid", subject=str(number)))
    factor = world.add(SecondFactor(**of))
    world.add(RecoveryCode(factor_id=factor.id, code_hash=b"c" + secret))
    operation = world.add(
        Operation(**of, kind="run_import", done_count=0, state=OperationState.DONE)
    )
    world.add(
        Import(
            **of,
            id=operation.id,
            operation=operation,
            kind=ImportKind.EXPERTS,
            filename="",
            mode=ImportMode.PARTIAL,
            report=[],
        )
    )
    webhook = world.add(Webhook(**of, url="https://w.invalid", kinds=["demand.*"], is_enabled=True))
    webhook.secret_sealed = webhook.previous_secret_sealed = ""
    sent = {"kind": "demand.published", "subject_id": account.id, "happened_at": now()}
    world.add(WebhookDelivery(webhook_id=webhook.id, change_id=number, **sent))
    told = {"kind": "demand.published", "subject_id": account.id, "happened_at": now()}
    world.add(Notice(**of, change_id=number, **told))
    world.add(KeptAnswer(principal=account.id, key="k", fingerprint=b"", body=b""))


def _memberships(world: World) -> None:
    """Everybody stands in some relation to organizations, staff too, who act for none."""
    states, organizations = list(MembershipState), world.of(Organization)
    for number, account in enumerate(world.of(Account)):
        for offset, state in enumerate(states):
            organization = organizations[(5 * number + 7 * offset) % len(organizations)]
            world.add(
                Membership(account_id=account.id, organization_id=organization.id, state=state)
            )


def _experts(world: World) -> None:
    people = [a for a in world.of(Account) if a.role is Role.EXPERT]
    owners = world.of(Organization)
    for state in (ExpertState.DRAFT, ExpertState.IN_POOL, ExpertState.REMOVED):
        for region in REGIONS:
            account = people.pop() if people and region in (YIWU, GUANGZHOU) else None
            number = next(world.numbers)
            _expert(
                world,
                state=state,
                region_code=region,
                account_id=account.id if account else None,
                organization_id=owners[number % len(owners)].id if number % 2 else None,
            )


def _expert(world: World, **fields: Any) -> None:
    number = next(world.numbers)
    expert = world.add(
        Expert(
            **fields,
            name="某人",
            kind=ExpertKind.EXPERT,
            external_id=f"E{number}",
            search=search_vector([]),
        )
    )
    of = {"expert_id": expert.id}
    world.add(Evidence(**of, kind=EvidenceKind.PATENT, title="某专利"))
    world.add(ExpertContact(**of, phone="0579-85550100"))
    world.add(Invitation(**of, invited_at=now()))
    world.add(
        Consent(
            **of,
            purpose=ConsentPurpose.MATCHING,
            is_given=True,
            source=ConsentSource.ONLINE,
            text_version="1",
        )
    )
    world.add(
        ImportedRow(
            kind=ImportKind.EXPERTS,
            record_id=expert.id,
            fingerprint=b"",
            imported_at=now(),
            change_id=number,
        )
    )


def _demands(world: World) -> None:
    ways: list[dict[str, Any]] = [
        {},
        {"handed_to_region_code": ZHEJIANG},
        {"handed_to_region_code": COUNTRY},
        {"handed_to_region_code": GUANGZHOU},
        {"shared_region_codes": [HANGZHOU, GUANGZHOU]},
    ]
    for state in (DemandState.DRAFT, DemandState.PUBLISHED, DemandState.WITHDRAWN):
        for region in REGIONS:
            for way in ways:
                _demand(world, state=state, region_code=region, **way)


def _demand(world: World, **fields: Any) -> None:
    number, owners = next(world.numbers), world.of(Organization)
    demand = world.add(
        Demand(
            **fields,
            organization_id=owners[number % len(owners)].id,
            title="某需求",
            external_id=f"D{number}",
            search=search_vector([]),
        )
    )
    world.add(
        Handover(demand_id=demand.id, kind=HandoverKind.SHARED, to_region_code=YIWU, reason="")
    )


def _achievement(
    region: str | None, state: AchievementState, organization_id: UUID | None
) -> Achievement:
    return Achievement(
        name="某成果",
        state=state,
        region_code=region,
        organization_id=organization_id,
        search=search_vector([]),
    )


def _pools(world: World) -> None:
    asked = {"query": {"of": "experts"}}
    for state in (PoolState.DRAFT, PoolState.IN_USE):
        for region, expert in zip(REGIONS, world.of(Expert), strict=False):
            pool = world.add(
                SpecialPool(
                    kind=PoolKind.SCARCE_TALENT,
                    name="某专题库",
                    state=state,
                    region_code=region,
                    query_number=1,
                    **asked,
                )
            )
            world.add(SavedQuery(pool_id=pool.id, number=1, **asked))
            decided = {"expert_id": expert.id, "is_excluded": False, "reason": "某原因"}
            world.add(PoolMember(pool_id=pool.id, **decided))


def _campaigns(world: World) -> None:
    demands = iter(world.of(Demand)[::3])
    for state in (CampaignState.DRAFT, CampaignState.OPEN, CampaignState.PUBLISHED):
        for region in REGIONS:
            campaign = world.add(
                Campaign(
                    batch="某批次",
                    title="某征集",
                    state=state,
                    region_code=region,
                    closes_on=today(),
                )
            )
            world.add(CampaignEntry(campaign_id=campaign.id, demand_id=next(demands).id))


def _audit(world: World) -> None:
    person = world.of(Account)[1]
    entry = world.add(
        AuditEntry(
            id=uuid7(), action="GET /me", account_id=person.id, record_ids=[person.id], fields=[]
        )
    )
    world.add(UnsealedEntry(entry_id=entry.id))
    seal = {"entry_ids": [], "digests": b"", "previous_hash": b"", "hash": b""}
    moments = {"sealed_at": now(), "newest_at": now()}
    world.add(AuditSeal(id=uuid7(), number=1, dropped_through=0, **seal, **moments))


def _matches(world: World) -> None:
    own = [e for e in world.of(Expert) if e.account_id is not None]
    for number, demand in enumerate(world.of(Demand)[::3]):
        run = world.add(
            MatchRun(
                demand_id=demand.id,
                trigger=Trigger.BY_HAND,
                index_version="",
                encoder="",
                pending=0,
                parameters={},
                durations={},
                exclusions=[],
            )
        )
        others = world.of(Expert)
        for rank, expert in enumerate((own[number % len(own)], others[number % len(others)]), 1):
            _match(world, run, expert, rank)
        run.previous_id = run.id  # any run of the demand will do to be compared with
        stands = {"demand_id": demand.id, "run_id": run.id, "checked_at": now()}
        world.add(StandingMatch(**stands, index_version="", ranker_version=0))
        waits = {"subject": StandingSubject.DEMAND, "subject_id": demand.id}
        world.add(StandingWork(**waits, trigger=Trigger.SCHEDULE))


def _problems(world: World) -> None:
    """Two demands each, of the same and of different regions, published or not any more."""
    demands = world.of(Demand)
    for number, state in enumerate(state for state in ProblemState for _ in range(6)):
        pair = [demands[(7 * number) % len(demands)], demands[(11 * number + 5) % len(demands)]]
        owners = sorted({demand.organization_id for demand in pair})
        has_signed = state in UNDERTAKEN or (state is ProblemState.CONFIRMED and number % 3)
        problem = world.add(
            CommonProblem(
                state=state,
                title="某难题",
                likeness=Likeness.SIMILAR,
                terms=[],
                organization_ids=owners,
                co_signer_ids=owners[:1] if has_signed else [],
                lead_organization_id=owners[0] if state in UNDERTAKEN else None,
                organization_count=2,
                demand_count=2,
                region_codes=[demand.region_code for demand in pair],
                technology_fields=[],
                disciplines=[],
                search=search_vector([]),
            )
        )
        for demand in pair:
            member = ProblemMember(
                problem_id=problem.id,
                demand_id=demand.id,
                origin=Origin.FOUND,
                is_excluded=demand is pair[1] and number % 2 == 0,
                terms=[],
            )
            world.add(member)
        if has_signed:
            _undertake(world, problem, number)


def _undertake(world: World, problem: CommonProblem, number: int) -> None:
    """One enterprise has signed and the other declined; of the team some are of the world's own."""
    [lead, *others] = problem.organization_ids
    signed = {"organization_id": lead, "answer": Answer.SIGNED, "share": 100}
    world.add(ProblemSignature(problem_id=problem.id, **signed))
    for other in others:
        no = {"organization_id": other, "answer": Answer.DECLINED}
        world.add(ProblemSignature(problem_id=problem.id, **no))
    own, people = [e for e in world.of(Expert) if e.account_id is not None], world.of(Expert)
    team = {own[number % len(own)].id, people[(7 * number) % len(people)].id}
    for expert_id in sorted(team) if problem.state is not ProblemState.CONFIRMED else []:
        world.add(ProblemExpert(problem_id=problem.id, expert_id=expert_id, is_chief=False))


def _dockings(world: World) -> None:
    """In every state, of matches of the world; every other one has been invited to."""
    states = list(DockingState)
    runs = {run.id: run for run in world.of(MatchRun)}
    pairs = {(runs[m.run_id].demand_id, m.expert_id): m for m in world.of(Match)}
    for number, match in enumerate(pairs.values()):
        docking = world.add(
            Docking(
                demand_id=runs[match.run_id].demand_id,
                expert_id=match.expert_id,
                match_id=match.id,
                state=states[number % len(states)],
                invited_at=now() if number % 4 < 2 else None,
                expert_accepted_at=now() if number % 3 < 2 else None,
                enterprise_accepted_at=now() if number % 4 < 2 else None,
            )
        )
        step = {"verb": "invite", "state": docking.state, "side": Side.STAFF}
        world.add(DockingStep(docking_id=docking.id, **step))
        if number % 5 == 1:
            _invited_together(world, docking)
        if number % 5 == 0:  # their rules are the docking's, and dear to ask
            _beside_docking(world, docking, is_for_staff=number % 2 == 0)


def _invited_together(world: World, docking: Docking) -> None:
    batch = world.add(InvitationBatch(demand_id=docking.demand_id, invited_at=now()))
    world.add(
        InvitationBatchItem(
            batch_id=batch.id,
            place=0,
            expert_id=docking.expert_id,
            docking_id=docking.id,
            state=BatchItemState.INVITED,
        )
    )


def _beside_docking(world: World, docking: Docking, *, is_for_staff: bool) -> None:
    of = {"docking_id": docking.id, "side": Side.STAFF}
    world.add(
        LogEntry(
            **of,
            kind=EntryKind.MINUTES,
            happened_on=today(),
            text="-",
            is_for_staff=is_for_staff,
        )
    )
    world.add(
        Attachment(
            **of, filename="a.pdf", media_type="application/pdf", size=1, sha256="", content=b"-"
        )
    )
    world.add(Agreement(**of, kind=AgreementKind.SERVICE, title="-"))
    world.add(ServiceRecord(**of, kind=ServiceKind.OTHER, served_on=today(), hours=1))
    for side in (Side.EXPERT, Side.ENTERPRISE):
        world.add(Rating(docking_id=docking.id, side=side, score=3))


def _teams(world: World) -> None:
    """In every state, confirmed or not, of one's own and others, for demands of every kind."""
    own, others = [e for e in world.of(Expert) if e.account_id is not None], world.of(Expert)
    states = list(TeamState)
    for number, demand in enumerate(world.of(Demand)[::7]):
        state = states[number % len(states)]
        team = world.add(
            Team(
                demand_id=demand.id,
                name="某团队",
                state=state,
                confirmed_at=None if state is TeamState.FORMING or number % 8 == 3 else now(),
            )
        )
        chief, member = own[number % len(own)], others[(7 * number + 1) % len(others)]
        world.add(TeamMember(team_id=team.id, expert_id=chief.id, role=TeamRole.CHIEF))
        if member is not chief:
            world.add(TeamMember(team_id=team.id, expert_id=member.id, role=TeamRole.MEMBER))


def _corps(world: World) -> None:
    """In every state, of every region and served one, with members of one's own and others."""
    own, others = [e for e in world.of(Expert) if e.account_id is not None], world.of(Expert)
    leads = [o for o in world.of(Organization) if o.state is OrganizationState.VERIFIED]
    states = list(CorpsState)
    for number in range(12):
        state, lead = states[number % len(states)], leads[(5 * number) % len(leads)]
        corps = world.add(
            Corps(
                name="某服务团",
                level=CorpsLevel.COUNTY,
                kind=CorpsKind.SERVICE_CORPS,
                year=2026,
                lead_organization_id=lead.id,
                region_code=REGIONS[number % len(REGIONS)],
                region_codes=[(YIWU, GUANGZHOU, COUNTRY)[number % 3]],
                state=state,
                dispatched_at=None if state is CorpsState.FORMING else now(),
            )
        )
        leader, member = own[number % len(own)], others[(7 * number + 2) % len(others)]
        world.add(CorpsMember(corps_id=corps.id, expert_id=leader.id, role=CorpsRole.LEADER))
        if member is not leader:
            world.add(CorpsMember(corps_id=corps.id, expert_id=member.id, role=CorpsRole.MEMBER))


def _services_of_corps(world: World) -> None:
    for corps, organization in zip(world.of(Corps), world.of(Organization), strict=False):
        of = {"corps_id": corps.id, "organization_id": organization.id, "side": Side.STAFF}
        world.add(ServiceRecord(**of, kind=ServiceKind.TRAINING, served_on=today(), hours=1))


def _cases(world: World) -> None:
    """In every state, of every region, of one's own and others, consented to or not."""
    own, others = [e for e in world.of(Expert) if e.account_id is not None], world.of(Expert)
    states = list(CaseState)
    for number, demand in enumerate(world.of(Demand)[::8]):
        case = world.add(
            Case(
                title="某案例",
                demand_id=demand.id,
                organization_id=demand.organization_id,
                region_code=demand.region_code,
                state=states[number % len(states)],
            )
        )
        first, second = own[number % len(own)], others[(5 * number + 1) % len(others)]
        for expert_id in {None, first.id, second.id}:
            is_given = case.state is CaseState.PUBLISHED or expert_id is None
            given = now() if is_given else None
            world.add(CaseParty(case_id=case.id, expert_id=expert_id, consented_at=given))


def _questions(world: World) -> None:
    """Of every region and state, some of an organization, put to one's own experts and others."""
    own, people = [e for e in world.of(Expert) if e.account_id is not None], world.of(Expert)
    for number, state in enumerate(QuestionState):
        for place, region in enumerate(filter(None, REGIONS)):
            asking = world.of(Organization)[number + place] if place % 2 else None
            question = world.add(
                Question(
                    region_code=region,
                    topic="某问题",
                    text="-",
                    commissioning_organization_id=asking.id if asking else None,
                    commissioning_body="某部门",
                    due_on=today(),
                    state=state,
                    adopted_on=today() if state is QuestionState.ADOPTED else None,
                )
            )
            asked = {own[(number + place) % len(own)].id, people[number + place].id}
            for expert_id in sorted(asked) if state is not QuestionState.RAISED else []:
                said = {"opinion": "-", "submitted_at": now()} if number % 2 else {}
                world.add(Consultation(question_id=question.id, expert_id=expert_id, **said))


def _match(world: World, run: MatchRun, expert: Expert, rank: int) -> None:
    match = world.add(
        Match(
            run_id=run.id,
            expert_id=expert.id,
            rank=rank,
            score=1.0,
            contributions=[],
            features={},
            terms=[],
            evidence=[],
            uncovered_keywords=[],
            is_pending=False,
            verdict=Verdict.RECOMMENDED,
        )
    )
    world.add(
        Judgment(
            match_id=match.id,
            verdict=Verdict.RECOMMENDED,
            rank=1,
            score=1.0,
            features={},
            index_version="",
        )
    )
    world.add(MatchReview(match_id=match.id, reason="", answer=""))
