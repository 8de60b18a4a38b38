"""What the application's own rules say of every protected table, to compare PostgreSQL with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm.attributes import set_committed_value

from app.accounts.access import may_manage as may_manage_account
from app.accounts.models import (
    MEMBERS,
    POOL_READERS,
    Account,
    ApiKey,
    Identity,
    PasswordReset,
    RecoveryCode,
    RefreshToken,
    Role,
    SecondFactor,
)
from app.achievements import access as achievements
from app.achievements.models import Achievement
from app.audit.models import AuditSeal
from app.bulk.models import Import, ImportedRow
from app.campaigns import access as campaigns
from app.campaigns.models import Campaign, CampaignEntry, CampaignState
from app.cases import access as cases
from app.cases.models import Case, CaseParty
from app.corps import access as corps_access
from app.corps.models import Corps, CorpsMember
from app.database import Base
from app.demands import access as demands
from app.demands.models import Demand, Handover
from app.dockings import access as dockings
from app.dockings.agreements.models import Agreement
from app.dockings.attachments.models import Attachment
from app.dockings.batches.models import InvitationBatch, InvitationBatchItem
from app.dockings.log.models import LogEntry
from app.dockings.models import Docking, DockingStep, Part
from app.dockings.ratings.models import Rating
from app.dockings.services import access as services
from app.dockings.services.models import ServiceRecord
from app.dockings.services.workflow import WRITING
from app.experts import access as experts
from app.experts.models import Consent, Evidence, Expert, ExpertContact, Invitation
from app.interface.models import AuditEntry, KeptAnswer, UnsealedEntry
from app.matches.access import may_match
from app.matches.models import (
    Judgment,
    Match,
    MatchReview,
    MatchRun,
    StandingMatch,
    StandingWork,
    StoredRanker,
)
from app.notices.models import Notice
from app.organizations import access as organization_access
from app.organizations.actors import Actor
from app.organizations.models import Membership, MembershipState, Organization
from app.organizations.workflow import MEMBERSHIP_TRANSITIONS
from app.pools import access as pools
from app.pools.models import PoolMember, SavedQuery, SpecialPool
from app.problems import access as problems
from app.problems.models import (
    UNDERTAKEN,
    CommonProblem,
    ProblemExpert,
    ProblemMember,
    ProblemSignature,
    ProblemState,
)
from app.progress.models import Operation
from app.questions import access as questions
from app.questions.models import Consultation, Question
from app.regions import covers
from app.teams import access as teams
from app.teams.models import Team, TeamMember
from app.transitions import Party
from app.webhooks.models import Webhook, WebhookDelivery
from tests.app.row_security.world import World

Rule = Callable[[Any], bool]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Who may read a row, add it, change it without moving it, and delete it."""

    reads: Rule
    adds: Rule
    changes: Rule
    deletes: Rule


def never(record: Any) -> bool:
    return False


def always(record: Any) -> bool:
    return True


class Application:
    """The rules for one actor, in a world."""

    def __init__(self, world: World, account: Account, actor: Actor) -> None:
        self.world, self.account, self.actor = world, account, actor
        self.rules: dict[type[Base], Rules] = {
            Account: self._rules(self._meets, self._manages, self._is_self_or_managed),
            ApiKey: self._rules(self._of_account, self._is_own, self._of_account),
            RefreshToken: self._rules(self._of_account, self._is_own, self._of_account),
            PasswordReset: self._rules(self._of_account, self._of_managed, self._of_account),
            Identity: self._rules(self._is_own, self._is_own, never, self._is_own),
            SecondFactor: self._rules(
                self._of_administrated, self._is_own, *2 * (self._of_administrated,)
            ),
            RecoveryCode: self._rules(*3 * (self._of_own_factor,)),
            Organization: self._rules(self._knows, self._in_region, self._belongs),
            Membership: self._rules(self._reads_membership, self._asks, self._decides),
            Expert: self._rules(self._reads_expert, *2 * (lambda e: bool(self._of_expert(e)),)),
            Evidence: self._rules(
                lambda r: self._reads_expert(self._expert(r)),
                *3 * (lambda r: bool(self._of_expert(self._expert(r))),),
            ),
            ExpertContact: self._rules(
                lambda c: self._is_person_or_staff(c) or self._reaches(c),
                *2 * (self._is_person_or_staff,),
            ),
            Consent: self._rules(*2 * (self._is_person_or_staff,), never),
            Invitation: self._rules(lambda i: experts.is_own(actor, self._expert(i)), never, never),
            Achievement: self._rules(
                lambda a: achievements.may_read(actor, a),
                *2 * (lambda a: bool(achievements.parties_of(actor, a)),),
            ),
            Demand: self._rules(self._reads_demand, *2 * (lambda d: demands.may_manage(actor, d),)),
            Handover: self._rules(
                lambda h: demands.may_read_in_full(actor, self._demand(h)),
                lambda h: Party.STAFF in self._of_demand(self._demand(h)),
                never,
            ),
            Campaign: self._rules(
                lambda c: campaigns.may_read(actor, c),
                *2 * (lambda c: campaigns.may_manage(actor, c),),
            ),
            CampaignEntry: self._rules(
                lambda e: (
                    demands.may_manage(actor, self._demand(e))
                    or campaigns.may_manage(actor, self._campaign(e))
                ),
                self._enters,
                never,
                self._enters,
            ),
            MatchRun: self._rules(
                lambda r: self._looks(r) or any(map(self._is_candidate, self._matches(r))),
                *2 * (self._looks,),
            ),
            StandingMatch: self._rules(self._looks, never, never),
            StandingWork: self._rules(never, never, never),
            Match: self._rules(
                lambda m: self._looks(self._run(m)) or self._is_candidate(m),
                lambda m: self._looks(self._run(m)),
                self._carries,
            ),
            Judgment: self._rules(*2 * (lambda j: self._carries(self._match(j)),), never),
            MatchReview: self._rules(
                lambda r: self._carries(self._match(r)) or self._is_candidate(self._match(r)),
                lambda r: self._is_candidate(self._match(r)),
                lambda r: self._carries(self._match(r)),
            ),
            CommonProblem: self._rules(
                lambda p: problems.may_read(actor, p),
                never,
                lambda p: problems.may_touch(actor, p),
            ),
            ProblemSignature: self._rules(
                lambda s: problems.may_read_answer(actor, self._problem(s), s),
                *2 * (self._answers,),
                lambda s: self._manages_problem(s) and self._problem(s).state not in UNDERTAKEN,
            ),
            ProblemExpert: self._rules(
                lambda e: problems.may_read_team(actor, self._problem(e)),
                self._forms_team,
                never,
                self._forms_team,
            ),
            ProblemMember: self._rules(
                self._reads_member,
                lambda m: self._manages_problem(m) and demands.may_broker(actor, self._demand(m)),
                self._manages_problem,
            ),
            Docking: self._rules(
                lambda d: dockings.may_read(actor, self._docked(d)),
                lambda d: Party.STAFF in self._of_demand(self._demand(d)),
                lambda d: dockings.may_touch(actor, self._docked(d)),
            ),
            DockingStep: self._rules(
                lambda s: dockings.may_read(actor, self._docking(s)),
                lambda s: dockings.may_touch(actor, self._docking(s)),
                never,
            ),
            LogEntry: self._rules(
                lambda e: (
                    dockings.may_read(actor, self._docking(e))
                    and (not e.is_for_staff or dockings.reads_as_staff(actor, self._docking(e)))
                ),
                lambda e: dockings.may_touch(actor, self._docking(e)),
                never,
            ),
            Rating: self._rules(
                lambda r: (
                    dockings.may_read(actor, self._docking(r))
                    and r.side in dockings.rated_sides(actor, self._docking(r))
                ),
                lambda r: dockings.may_touch(actor, self._docking(r)),
                never,
            ),
            **{
                part: self._rules(
                    lambda p: dockings.may_read(actor, self._docking(p)),
                    *2 * (lambda p: dockings.may_touch(actor, self._docking(p)),),
                )
                for part in (Attachment, Agreement)
            },
            ServiceRecord: self._rules(
                lambda s: services.may_read(actor, self._service(s)),
                self._adds_service,
                lambda s: services.may_touch(actor, self._service(s)),
            ),
            InvitationBatch: self._rules(self._looks, *2 * (self._invites,)),
            InvitationBatchItem: self._rules(
                lambda i: self._looks(self._batch(i)),
                *2 * (lambda i: self._invites(self._batch(i)),),
            ),
            Notice: self._rules(self._is_own, never, self._is_own),
            Webhook: self._rules(*4 * (self._is_own,)),
            WebhookDelivery: self._rules(*3 * (self._of_own_webhook,)),
            Team: self._rules(
                lambda t: teams.may_read(actor, self._gathered(t)),
                *2 * (lambda t: Party.STAFF in self._of_demand(self._demand(t)),),
            ),
            TeamMember: self._rules(
                lambda m: teams.may_read(actor, self._team(m)),
                lambda m: teams.may_manage(actor, self._team(m)),
                never,
                lambda m: teams.may_manage(actor, self._team(m)),
            ),
            SpecialPool: self._rules(
                lambda p: pools.may_read(actor, p), *2 * (lambda p: pools.may_manage(actor, p),)
            ),
            SavedQuery: self._rules(
                lambda q: pools.may_read(actor, self._pool(q)),
                lambda q: pools.may_manage(actor, self._pool(q)),
                never,
            ),
            PoolMember: self._rules(
                lambda m: pools.may_read(actor, self._pool(m)),
                *3 * (lambda m: pools.may_manage(actor, self._pool(m)),),
            ),
            Corps: self._rules(
                self._reads_corps,
                *2 * (lambda c: corps_access.may_manage(actor, self._mustered(c)),),
            ),
            CorpsMember: self._rules(
                lambda m: self._reads_corps(self._corps(m)),
                lambda m: corps_access.may_manage(actor, self._corps(m)),
                never,
                lambda m: corps_access.may_manage(actor, self._corps(m)),
            ),
            Case: self._rules(
                lambda c: cases.may_read(actor, self._told(c)),
                lambda c: cases.may_manage(actor, self._told(c)),
                lambda c: cases.may_read_in_full(actor, self._told(c)),
            ),
            CaseParty: self._rules(
                lambda p: cases.may_read(actor, self._case(p)),
                lambda p: cases.may_manage(actor, self._case(p)) and p.consented_at is None,
                lambda p: p in cases.own_parties(actor, self._case(p)),
                lambda p: cases.may_manage(actor, self._case(p)),
            ),
            Question: self._rules(
                lambda q: questions.may_read(actor, self._asked(q)),
                *2 * (lambda q: actor.manages_region(q.region_code),),
            ),
            Consultation: self._rules(
                lambda c: questions.may_read_opinion(actor, self._question(c), c),
                lambda c: questions.may_manage(actor, self._question(c)),
                lambda c: c.submitted_at is None and experts.is_own(actor, self._expert(c)),
            ),
            StoredRanker: self._rules(lambda r: actor.is_staff, never, self._administers),
            Import: self._rules(self._of_administrated, self._is_own, self._of_administrated),
            Operation: self._rules(self._of_administrated, self._is_own, self._of_administrated),
            ImportedRow: self._rules(never, never, never),
            AuditEntry: self._rules(self._administers, always, never),
            UnsealedEntry: self._rules(self._administers, always, never),
            AuditSeal: self._rules(self._administers, never, never),
            KeptAnswer: self._rules(*3 * (lambda k: k.principal == account.id,)),
        }

    @staticmethod
    def _rules(reads: Rule, adds: Rule, changes: Rule, deletes: Rule = never) -> Rules:
        return Rules(reads=reads, adds=adds, changes=changes, deletes=deletes)

    # accounts

    def _is_own(self, record: Any) -> bool:
        return bool(record.account_id == self.account.id)

    def _manages(self, account: Account) -> bool:
        return may_manage_account(self.account, account, self._regions_of(account))

    def _regions_of(self, account: Account) -> set[str]:
        """Its own, its profile's, and those of the organizations that it acts for."""
        approved = [
            self.world.find(Organization, m.organization_id).region_code
            for m in self.world.of(Membership)
            if m.account_id == account.id and m.state is MembershipState.APPROVED
        ]
        profiles = [e.region_code for e in self.world.of(Expert) if e.account_id == account.id]
        return {code for code in (account.region_code, *approved, *profiles) if code is not None}

    def _is_self_or_managed(self, account: Account) -> bool:
        return account.id == self.account.id or self._manages(account)

    def _meets(self, account: Account) -> bool:
        """Whose name stands in a membership that one reads, besides those one manages."""
        theirs = [m for m in self.world.of(Membership) if m.account_id == account.id]
        return self._is_self_or_managed(account) or any(map(self._reads_membership, theirs))

    def _of_managed(self, record: Any) -> bool:
        return self._manages(self.world.find(Account, record.account_id))

    def _of_account(self, record: Any) -> bool:
        return self._is_own(record) or self._of_managed(record)

    def _of_administrated(self, record: Any) -> bool:
        return self._is_own(record) or self.actor.role is Role.ADMINISTRATOR

    def _administers(self, record: Any) -> bool:
        return self.actor.role is Role.ADMINISTRATOR

    def _of_own_factor(self, record: RecoveryCode) -> bool:
        return self._is_own(self.world.find(SecondFactor, record.factor_id))

    def _of_own_webhook(self, record: WebhookDelivery) -> bool:
        return self._is_own(self.world.find(Webhook, record.webhook_id))

    # organizations

    def _in_region(self, organization: Organization) -> bool:
        return self.actor.manages_region(organization.region_code)

    def _belongs(self, organization: Organization) -> bool:
        return organization_access.may_manage(self.actor, organization)

    def _knows(self, organization: Organization) -> bool:
        """Besides what the interface lists, whose demand one reads and whom one has asked."""
        has_asked = self.actor.role in MEMBERS and any(
            m.account_id == self.account.id and m.organization_id == organization.id
            for m in self.world.of(Membership)
        )
        theirs = [d for d in self.world.of(Demand) if d.organization_id == organization.id]
        is_owner = any(map(self._reads_demand, theirs))
        return organization_access.may_read(self.actor, organization) or has_asked or is_owner

    def _of_membership(self, membership: Membership) -> set[Party]:
        is_staff = self._in_region(self.world.find(Organization, membership.organization_id))
        is_person = self._is_own(membership)
        parties = {Party.STAFF: is_staff, Party.PERSON: is_person}
        return {party for party, is_held in parties.items() if is_held}

    def _reads_membership(self, membership: Membership) -> bool:
        is_colleague = self.actor.acts_for(membership.organization_id)
        return bool(self._of_membership(membership)) or is_colleague

    def _asks(self, membership: Membership) -> bool:
        parties = self._of_membership(membership)
        is_request = membership.state is MembershipState.REQUESTED
        return Party.STAFF in parties or (Party.PERSON in parties and is_request)

    def _decides(self, membership: Membership) -> bool:
        """A row that a person leaves behind has been revoked."""
        revoke = MEMBERSHIP_TRANSITIONS["revoke"]
        parties = self._of_membership(membership)
        return Party.STAFF in parties or bool(
            revoke.parties & parties and membership.state is revoke.target
        )

    # experts, demands, matches

    def _of_expert(self, expert: Expert) -> set[Party]:
        return experts.parties_of(self.actor, expert)

    def _expert(self, record: Any) -> Expert:
        found: Expert = self.world.find(Expert, record.expert_id)
        return found

    def _is_person_or_staff(self, record: Any) -> bool:
        return experts.may_read_in_full(self.actor, self._expert(record))

    def _of_demand(self, demand: Demand) -> set[Party]:
        return demands.parties_of(self.actor, demand)

    def _demand(self, record: Any) -> Demand:
        found: Demand = self.world.find(Demand, record.demand_id)
        return found

    def _reads_demand(self, demand: Demand) -> bool:
        """An expert also reads those that they were matched to, or serve in a team."""
        runs = [r for r in self.world.of(MatchRun) if r.demand_id == demand.id]
        is_matched = any(self._is_candidate(m) for run in runs for m in self._matches(run))
        is_served = any(
            Party.PERSON in teams.parties_of(self.actor, self._gathered(team))
            for team in self.world.of(Team)
            if team.demand_id == demand.id
        )
        return demands.may_read(self.actor, demand) or is_matched or is_served

    def _run(self, match: Match) -> MatchRun:
        found: MatchRun = self.world.find(MatchRun, match.run_id)
        return found

    def _match(self, record: Any) -> Match:
        found: Match = self.world.find(Match, record.match_id)
        return found

    def _matches(self, run: MatchRun) -> list[Match]:
        return [match for match in self.world.of(Match) if match.run_id == run.id]

    def _looks(self, run: MatchRun | StandingMatch | InvitationBatch) -> bool:
        return may_match(self.actor, self._demand(run))

    def _invites(self, batch: InvitationBatch) -> bool:
        return demands.may_broker(self.actor, self._demand(batch))

    def _batch(self, item: InvitationBatchItem) -> InvitationBatch:
        found: InvitationBatch = self.world.find(InvitationBatch, item.batch_id)
        return found

    def _carries(self, match: Match) -> bool:
        return Party.STAFF in self._of_demand(self._demand(self._run(match)))

    def _problem(self, part: ProblemMember | ProblemSignature | ProblemExpert) -> CommonProblem:
        """With its team, which decides on it and no session loads here."""
        found: CommonProblem = self.world.find(CommonProblem, part.problem_id)
        team = [e for e in self.world.of(ProblemExpert) if e.problem_id == found.id]
        for member in team:
            set_committed_value(member, "expert", self._expert(member))
        set_committed_value(found, "experts", team)
        return found

    def _manages_problem(self, part: ProblemMember | ProblemSignature | ProblemExpert) -> bool:
        return problems.may_manage(self.actor, self._problem(part))

    def _reads_member(self, member: ProblemMember) -> bool:
        """What was taken out of a problem is told to those who did it."""
        problem = self._problem(member)
        is_told = problems.may_read_members(self.actor, problem) and not member.is_excluded
        return is_told or self._manages_problem(member)

    def _answers(self, signature: ProblemSignature) -> bool:
        """Until the signing is concluded, by the enterprise or by staff for it."""
        is_own = self.actor.acts_for(signature.organization_id)
        is_open = self._problem(signature).state is ProblemState.CONFIRMED
        return is_open and (is_own or self._manages_problem(signature))

    def _forms_team(self, member: ProblemExpert) -> bool:
        is_open = self._problem(member).state in (ProblemState.PUBLISHED, ProblemState.JOINT_WORK)
        return is_open and self._manages_problem(member)

    def _docked(self, docking: Docking) -> Docking:
        """With what decides on it, which no session loads here."""
        docking.demand, docking.expert = self._demand(docking), self._expert(docking)
        return docking

    def _docking(self, step: DockingStep | Part | ServiceRecord) -> Docking:
        return self._docked(self.world.find(Docking, step.docking_id))

    def _gathered(self, team: Team) -> Team:
        """With what decides on it, which no session loads here."""
        set_committed_value(team, "demand", self._demand(team))
        members = [m for m in self.world.of(TeamMember) if m.team_id == team.id]
        for member in members:
            set_committed_value(member, "expert", self._expert(member))
        set_committed_value(team, "members", members)
        return team

    def _team(self, member: TeamMember) -> Team:
        return self._gathered(self.world.find(Team, member.team_id))

    def _campaign(self, entry: CampaignEntry) -> Campaign:
        found: Campaign = self.world.find(Campaign, entry.campaign_id)
        return found

    def _enters(self, entry: CampaignEntry) -> bool:
        is_open = self._campaign(entry).state is CampaignState.OPEN
        return is_open and demands.may_manage(self.actor, self._demand(entry))

    def _pool(self, record: SavedQuery | PoolMember) -> SpecialPool:
        found: SpecialPool = self.world.find(SpecialPool, record.pool_id)
        return found

    def _asked(self, question: Question) -> Question:
        """With whom it asks, which decides on it and no session loads here."""
        asked = [c for c in self.world.of(Consultation) if c.question_id == question.id]
        for one in asked:
            set_committed_value(one, "expert", self._expert(one))
        set_committed_value(question, "consultations", asked)
        return question

    def _question(self, consultation: Consultation) -> Question:
        return self._asked(self.world.find(Question, consultation.question_id))

    def _reads_expert(self, expert: Expert) -> bool:
        """Besides what is listed, who is docked with a demand, or in a team, that one reads."""
        theirs = [d for d in self.world.of(Docking) if d.expert_id == expert.id]
        is_docked = any(
            demands.may_read_in_full(self.actor, self._demand(docking)) for docking in theirs
        )
        is_in_team = any(
            teams.may_read(self.actor, self._team(m))
            for m in self.world.of(TeamMember)
            if m.expert_id == expert.id
        )
        is_in_corps = any(
            self._reads_corps(self._corps(m))
            for m in self.world.of(CorpsMember)
            if m.expert_id == expert.id
        )
        return experts.may_read(self.actor, expert) or is_docked or is_in_team or is_in_corps

    def _mustered(self, corps: Corps) -> Corps:
        """With what decides on it, which no session loads here."""
        members = [m for m in self.world.of(CorpsMember) if m.corps_id == corps.id]
        for member in members:
            set_committed_value(member, "expert", self._expert(member))
        set_committed_value(corps, "members", members)
        return corps

    def _corps(self, record: Any) -> Corps:
        return self._mustered(self.world.find(Corps, record.corps_id))

    def _reads_corps(self, corps: Corps) -> bool:
        """Its own; and of those dispatched, who reads the pool, and whom they serve."""
        served = {o.region_code for o in self.world.of(Organization) if self.actor.acts_for(o.id)}
        is_served = any(
            covers(place, code) for place in corps.region_codes for code in served - {None}
        )
        is_open = self.actor.role in POOL_READERS or is_served
        is_own = bool(corps_access.parties_of(self.actor, self._mustered(corps)))
        return is_own or (corps.dispatched_at is not None and is_open)

    def _told(self, case: Case) -> Case:
        """With what decides on it, which no session loads here."""
        parties = [p for p in self.world.of(CaseParty) if p.case_id == case.id]
        for party in parties:
            set_committed_value(party, "expert", self._expert(party) if party.expert_id else None)
        set_committed_value(case, "parties", parties)
        return case

    def _case(self, party: CaseParty) -> Case:
        return self._told(self.world.find(Case, party.case_id))

    def _service(self, service: ServiceRecord) -> ServiceRecord:
        """With what decides on it, which no session loads here."""
        docking = self._docking(service) if service.docking_id else None
        set_committed_value(service, "docking", docking)
        set_committed_value(service, "corps", self._corps(service) if service.corps_id else None)
        return service

    def _adds_service(self, service: ServiceRecord) -> bool:
        """In a docking any of its parties; for a corps it is for who renders it."""
        parties = services.parties_of(self.actor, self._service(service))
        return bool(parties & WRITING if service.docking_id is None else parties - {Party.PARTNER})

    def _reaches(self, contact: ExpertContact) -> bool:
        """Whether both sides of a docking have released their contacts to each other."""
        theirs = [d for d in self.world.of(Docking) if d.expert_id == contact.expert_id]
        return any(
            dockings.are_contacts_released(docking)
            and bool({Party.ORGANIZATION, Party.STAFF} & self._of_demand(self._demand(docking)))
            for docking in theirs
        )

    def _is_candidate(self, match: Match) -> bool:
        return Party.PERSON in self._of_expert(self._expert(match))
