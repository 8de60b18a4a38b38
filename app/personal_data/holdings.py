"""Where personal data lie: every table that refers to a person, and how it tells whom.

A test fails when a table refers to accounts or experts and stands neither in HOLDINGS nor among
those that only name who did something to somebody else's record.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, exists, literal, or_

from app.accounts.models import (
    Account,
    ApiKey,
    Identity,
    PasswordReset,
    RefreshToken,
    SecondFactor,
)
from app.bulk.models import Import, ImportedRow, ImportKind
from app.changes.models import Change
from app.database import Base
from app.experts.models import Consent, Evidence, Expert, ExpertContact
from app.interface.models import KeptAnswer
from app.matches.models import Judgment, Match, MatchReview, MatchRun
from app.organizations.models import Membership
from app.progress.models import Operation

# Columns that no export shows: secrets, and what is made of other columns for searching.
HIDDEN = frozenset(
    {"password_hash", "token_hash", "secret_hash", "code_hash", "search", "content", "body"}
    | {"secret", "last_step", "fingerprint", "transaction_id"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody by the records they have here: an account, a profile, or both.

    Values of SQL, since what they lack equals nothing there, while None would be taken for NULL:
    everything that was done by no account.
    """

    account_id: ColumnElement[UUID | None]
    expert_id: ColumnElement[UUID | None]


def person(*, account_id: UUID | None = None, expert_id: UUID | None = None) -> Person:
    return Person(account_id=literal(account_id, Uuid()), expert_id=literal(expert_id, Uuid()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One table, and which of its rows are about a person."""

    table: type[Base]
    about: Callable[[Person], ColumnElement[bool]]

    @property
    def name(self) -> str:
        return str(self.table.__tablename__)


def _matches_of(person: Person) -> ColumnElement[bool]:
    return Match.expert_id == person.expert_id


HOLDINGS = (
    Holding(table=Account, about=lambda p: Account.id == p.account_id),
    Holding(table=Membership, about=lambda p: Membership.account_id == p.account_id),
    Holding(table=ApiKey, about=lambda p: ApiKey.account_id == p.account_id),
    Holding(table=RefreshToken, about=lambda p: RefreshToken.account_id == p.account_id),
    Holding(table=PasswordReset, about=lambda p: PasswordReset.account_id == p.account_id),
    Holding(table=SecondFactor, about=lambda p: SecondFactor.account_id == p.account_id),
    Holding(table=Identity, about=lambda p: Identity.account_id == p.account_id),
    Holding(table=KeptAnswer, about=lambda p: KeptAnswer.principal == p.account_id),
    Holding(table=Expert, about=lambda p: Expert.id == p.expert_id),
    Holding(table=Evidence, about=lambda p: Evidence.expert_id == p.expert_id),
    Holding(table=ExpertContact, about=lambda p: ExpertContact.expert_id == p.expert_id),
    Holding(table=Consent, about=lambda p: Consent.expert_id == p.expert_id),
    Holding(table=Match, about=_matches_of),
    Holding(
        table=Judgment,
        about=lambda p: exists().where(Match.id == Judgment.match_id, _matches_of(p)),
    ),
    Holding(
        table=MatchReview,
        about=lambda p: exists().where(Match.id == MatchReview.match_id, _matches_of(p)),
    ),
    Holding(table=MatchRun, about=lambda p: MatchRun.account_id == p.account_id),
    Holding(table=Operation, about=lambda p: Operation.account_id == p.account_id),
    Holding(table=Import, about=lambda p: Import.account_id == p.account_id),
    Holding(
        table=ImportedRow,
        about=lambda p: (
            (ImportedRow.kind == ImportKind.EXPERTS) & (ImportedRow.record_id == p.expert_id)
        ),
    ),
    Holding(
        table=Change,
        about=lambda p: or_(
            Change.actor_id == p.account_id, Change.subject_id.in_([p.account_id, p.expert_id])
        ),
    ),
)
