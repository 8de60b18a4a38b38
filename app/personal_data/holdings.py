"""Where personal data lie: every table that refers to a person, and how it tells whom.

A test fails when a table refers to accounts or experts and stands neither in HOLDINGS nor among
those that only name who did something to somebody else's record.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, false, or_, true
from sqlalchemy.orm import InstrumentedAttribute

from app.accounts.models import (
    Account,
    ApiKey,
    Identity,
    PasswordReset,
    RefreshToken,
    SecondFactor,
)
from app.bulk.kinds import ImportKind
from app.bulk.models import Import, ImportedRow
from app.cases import access as case_access
from app.cases.models import Case, CaseParty
from app.changes.models import Change
from app.corps import access as corps_access
from app.corps.models import Corps, CorpsMember
from app.database import Base
from app.demands import access as demand_access
from app.demands.models import Demand
from app.dockings.agreements.models import Agreement
from app.dockings.attachments.models import Attachment
from app.dockings.batches.models import InvitationBatch, InvitationBatchItem
from app.dockings.log.models import LogEntry
from app.dockings.models import Docking, DockingStep, Part
from app.dockings.ratings.models import Rating
from app.dockings.services.models import ServiceRecord
from app.experts.models import Consent, Evidence, Expert, ExpertContact, Invitation
from app.interface.models import AuditEntry, KeptAnswer
from app.matches.access import judged_matches, seen_matches
from app.matches.models import Judgment, Match, MatchReview, MatchRun
from app.notices.models import Notice
from app.organizations.actors import Actor
from app.organizations.models import Membership
from app.pools import access as pool_access
from app.pools.models import PoolMember, SpecialPool
from app.problems import access as problem_access
from app.problems.models import CommonProblem, ProblemExpert
from app.progress.models import Operation
from app.questions import access as question_access
from app.questions.models import Consultation, Question
from app.teams.models import Team, TeamMember
from app.webhooks.models import Webhook

# Columns that no export shows: secrets, the database's own, and what is made of other columns.
HIDDEN = frozenset(
    {
        *("accounts.password_hash", "refresh_tokens.token_hash", "api_keys.secret_hash"),
        *("password_resets.code_hash", "second_factors.secret", "second_factors.last_step"),
        *("webhooks.secret", "webhooks.previous_secret"),
        *("kept_answers.fingerprint", "kept_answers.body", "imported_rows.fingerprint"),
        *("experts.search", "imports.content", "docking_attachments.content"),
        *("changes.transaction_id", "audit_entries.transaction_id", "audit_entries.email_hash"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody by the records they have here: an account, a profile, or both."""

    account_id: UUID | None
    expert_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One table, which of its rows are about a person, and which of those others are shown.

    `seen`: by staff of the region whom an expert has asked. It is the expert's own right to know
    all that is said of them; it makes nobody a reader of what other regions think.
    """

    table: type[Base]
    about: Callable[[Person], ColumnElement[bool]]
    seen: Callable[[Actor], ColumnElement[bool]] = lambda actor: true()

    @property
    def name(self) -> str:
        return str(self.table.__tablename__)


def _is(column: InstrumentedAttribute[Any], wanted: UUID | None) -> ColumnElement[bool]:
    """Never true without an id: `column == None` would find what belongs to nobody."""
    return false() if wanted is None else column == wanted


def _matches_of(person: Person) -> ColumnElement[bool]:
    return _is(Match.expert_id, person.expert_id)


def _dockings_of(person: Person) -> ColumnElement[bool]:
    return _is(Docking.expert_id, person.expert_id)


def _seen_dockings(actor: Actor) -> ColumnElement[bool]:
    """Of demands that the actor, who is staff, reads in full."""
    in_full = demand_access.readable_in_full(actor)
    return exists().where(Demand.id == Docking.demand_id, in_full)


def _beside_dockings(part: type[Part | ServiceRecord]) -> Callable[[Person], ColumnElement[bool]]:
    """What the expert reads beside them, too: before an invitation enterprise and staff prepare it,
    and neither the demand's text nor terms are told by an export."""
    is_told = Docking.invited_at.is_not(None)
    return lambda p: exists().where(Docking.id == part.docking_id, _dockings_of(p), is_told)


def _seen_beside_dockings(
    part: type[Part | ServiceRecord],
) -> Callable[[Actor], ColumnElement[bool]]:
    return lambda actor: exists().where(Docking.id == part.docking_id, _seen_dockings(actor))


def _seen_in_teams(actor: Actor) -> ColumnElement[bool]:
    """Of demands that the actor, who is staff, reads in full."""
    in_full = demand_access.readable_in_full(actor)
    return exists().where(Team.id == TeamMember.team_id, Demand.id == Team.demand_id, in_full)


def _seen_of_corps(actor: Actor, corps_id: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Of corps that the actor, who is staff, manages."""
    return exists().where(Corps.id == corps_id, corps_access.in_staffs_jurisdiction(actor))


def _seen_in_joint_teams(actor: Actor) -> ColumnElement[bool]:
    return exists().where(
        CommonProblem.id == ProblemExpert.problem_id, problem_access.readable(actor)
    )


def _seen_consultations(actor: Actor) -> ColumnElement[bool]:
    return exists().where(Question.id == Consultation.question_id, question_access.readable(actor))


def _seen_in_batches(actor: Actor) -> ColumnElement[bool]:
    """Likewise."""
    in_full = demand_access.readable_in_full(actor)
    is_its = InvitationBatch.id == InvitationBatchItem.batch_id
    return exists().where(is_its, Demand.id == InvitationBatch.demand_id, in_full)


HOLDINGS = (
    Holding(table=Account, about=lambda p: _is(Account.id, p.account_id)),
    Holding(table=Membership, about=lambda p: _is(Membership.account_id, p.account_id)),
    Holding(table=ApiKey, about=lambda p: _is(ApiKey.account_id, p.account_id)),
    Holding(table=RefreshToken, about=lambda p: _is(RefreshToken.account_id, p.account_id)),
    Holding(table=PasswordReset, about=lambda p: _is(PasswordReset.account_id, p.account_id)),
    Holding(table=SecondFactor, about=lambda p: _is(SecondFactor.account_id, p.account_id)),
    Holding(table=Identity, about=lambda p: _is(Identity.account_id, p.account_id)),
    Holding(table=KeptAnswer, about=lambda p: _is(KeptAnswer.principal, p.account_id)),
    Holding(table=Expert, about=lambda p: _is(Expert.id, p.expert_id)),
    Holding(table=Evidence, about=lambda p: _is(Evidence.expert_id, p.expert_id)),
    Holding(table=ExpertContact, about=lambda p: _is(ExpertContact.expert_id, p.expert_id)),
    Holding(table=Consent, about=lambda p: _is(Consent.expert_id, p.expert_id)),
    Holding(table=Invitation, about=lambda p: _is(Invitation.expert_id, p.expert_id)),
    Holding(table=Match, about=_matches_of, seen=seen_matches),
    Holding(
        table=Judgment,
        about=lambda p: exists().where(Match.id == Judgment.match_id, _matches_of(p)),
        seen=lambda a: exists().where(Match.id == Judgment.match_id, judged_matches(a)),
    ),
    Holding(
        table=MatchReview,
        about=lambda p: exists().where(Match.id == MatchReview.match_id, _matches_of(p)),
        seen=lambda a: exists().where(Match.id == MatchReview.match_id, judged_matches(a)),
    ),
    Holding(table=Docking, about=_dockings_of, seen=_seen_dockings),
    Holding(
        table=DockingStep,
        about=lambda p: exists().where(Docking.id == DockingStep.docking_id, _dockings_of(p)),
        seen=lambda a: exists().where(Docking.id == DockingStep.docking_id, _seen_dockings(a)),
    ),
    *(
        Holding(table=part, about=_beside_dockings(part), seen=_seen_beside_dockings(part))
        for part in (LogEntry, Attachment, Agreement, Rating)
    ),
    Holding(
        table=ServiceRecord,
        about=lambda p: or_(
            _beside_dockings(ServiceRecord)(p), _is(ServiceRecord.expert_id, p.expert_id)
        ),
        seen=lambda a: or_(
            _seen_beside_dockings(ServiceRecord)(a),
            # One in a docking that counts for a corps is told by the docking's parties alone.
            and_(ServiceRecord.docking_id.is_(None), _seen_of_corps(a, ServiceRecord.corps_id)),
        ),
    ),
    Holding(
        table=InvitationBatchItem,
        about=lambda p: _is(InvitationBatchItem.expert_id, p.expert_id),
        seen=_seen_in_batches,
    ),
    Holding(table=Webhook, about=lambda p: _is(Webhook.account_id, p.account_id)),
    Holding(table=Notice, about=lambda p: _is(Notice.account_id, p.account_id)),
    Holding(
        table=TeamMember,
        about=lambda p: _is(TeamMember.expert_id, p.expert_id),
        seen=_seen_in_teams,
    ),
    Holding(
        table=PoolMember,
        about=lambda p: _is(PoolMember.expert_id, p.expert_id),
        seen=lambda a: exists().where(
            SpecialPool.id == PoolMember.pool_id, pool_access.readable(a)
        ),
    ),
    Holding(
        table=CorpsMember,
        about=lambda p: _is(CorpsMember.expert_id, p.expert_id),
        seen=lambda a: _seen_of_corps(a, CorpsMember.corps_id),
    ),
    Holding(
        table=CaseParty,
        about=lambda p: _is(CaseParty.expert_id, p.expert_id),
        seen=lambda a: exists().where(
            Case.id == CaseParty.case_id, case_access.in_staffs_jurisdiction(a)
        ),
    ),
    Holding(
        table=ProblemExpert,
        about=lambda p: _is(ProblemExpert.expert_id, p.expert_id),
        seen=_seen_in_joint_teams,
    ),
    Holding(
        table=Consultation,
        about=lambda p: _is(Consultation.expert_id, p.expert_id),
        seen=_seen_consultations,
    ),
    Holding(table=MatchRun, about=lambda p: _is(MatchRun.account_id, p.account_id)),
    Holding(table=Operation, about=lambda p: _is(Operation.account_id, p.account_id)),
    Holding(table=Import, about=lambda p: _is(Import.account_id, p.account_id)),
    Holding(
        table=ImportedRow,
        about=lambda p: (
            (ImportedRow.kind == ImportKind.EXPERTS) & _is(ImportedRow.record_id, p.expert_id)
        ),
    ),
    Holding(
        table=Change,
        about=lambda p: or_(
            _is(Change.actor_id, p.account_id), Change.subject_id.in_([p.account_id, p.expert_id])
        ),
    ),
    # Ids alone, which erasure leaves: who did what has to stay known for its time. What others did
    # names other people's records beside one's own; `contact-readings` tells who read a contact.
    Holding(table=AuditEntry, about=lambda p: _is(AuditEntry.account_id, p.account_id)),
)
