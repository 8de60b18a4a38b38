"""Match runs, their candidates, verdicts, and what the live index keeps in the database."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base, JsonObject, Record
from app.demands.models import Demand
from app.experts.models import Expert


class Pool(StrEnum):
    EXPERTS = "experts"
    DEMANDS = "demands"
    ACHIEVEMENTS = "achievements"


class Trigger(StrEnum):
    """What a run was made for; `schedule`: by the calendar, or under new statistics or a ranker."""

    BY_HAND = "by_hand"
    DEMAND_PUBLISHED = "demand_published"
    DEMAND_CHANGED = "demand_changed"
    EXPERTS_CHANGED = "experts_changed"
    SCHEDULE = "schedule"


class Verdict(StrEnum):
    SUITABLE = "suitable"
    UNSUITABLE = "unsuitable"
    RECOMMENDED = "recommended"
    REJECTED = "rejected"


# Of how a candidate fits. A rejection tells of circumstances: what was said before it stands.
GRADES = {Verdict.UNSUITABLE: 0, Verdict.SUITABLE: 2, Verdict.RECOMMENDED: 3}

RULING_OUT = frozenset({Verdict.UNSUITABLE, Verdict.REJECTED})


class MatchRun(Record):
    """One execution of the matcher for a demand, with all it depended on."""

    __tablename__ = "match_runs"
    __table_args__ = (Index(None, "demand_id", "created_at"), Index(None, "created_at", "id"))

    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demands.id"))
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    trigger: Mapped[Trigger]
    index_version: Mapped[str] = mapped_column(String(16))
    encoder: Mapped[str] = mapped_column(String(200))
    ranker_version: Mapped[int | None] = mapped_column(
        comment="the ranker's number; null for runs of before there was a choice"
    )
    pending: Mapped[int] = mapped_column(comment="candidates whose vectors were still missing")
    parameters: Mapped[JsonObject]
    durations: Mapped[JsonObject] = mapped_column(comment="milliseconds by stage")
    exclusions: Mapped[list[JsonObject]] = mapped_column(JSONB)
    previous_id: Mapped[UUID | None] = mapped_column(
        comment="the latest run of the demand before; it may be gone"
    )
    withdrawn_at: Mapped[datetime | None] = mapped_column(comment="it counts as the latest no more")
    withdrawn_by_id: Mapped[UUID | None] = mapped_column(comment="account")

    demand: Mapped[Demand] = relationship(lazy="raise")


class StandingMatch(Base):
    """How a published demand's match stands: the run that is still true, and when it was checked.

    Who stands in it now stands in the run. `entry_score`: what the last place has before second
    opinions, so that whoever scores less does not come in; null while there is room.
    """

    __tablename__ = "standing_matches"

    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demands.id"), primary_key=True)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("match_runs.id"), index=True)
    checked_at: Mapped[datetime]
    index_version: Mapped[str] = mapped_column(String(16))
    ranker_version: Mapped[int]
    entry_score: Mapped[float | None]


class StandingSubject(StrEnum):
    EXPERT = "expert"
    DEMAND = "demand"


class StandingWork(Base):
    """A demand that waits to be matched again, or an expert who waits to be held against all."""

    __tablename__ = "standing_work"

    subject: Mapped[StandingSubject] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    trigger: Mapped[Trigger]
    queued_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Match(Record):
    """One ranked candidate of a run; contributions sum to the score."""

    __tablename__ = "matches"
    __table_args__ = (UniqueConstraint("run_id", "rank"), Index(None, "expert_id"))

    run_id: Mapped[UUID] = mapped_column(ForeignKey("match_runs.id"))
    expert_id: Mapped[UUID] = mapped_column(ForeignKey("experts.id"))
    rank: Mapped[int]
    score: Mapped[float]
    confidence: Mapped[JsonObject | None] = mapped_column(comment="as it was shown")
    contributions: Mapped[list[JsonObject]] = mapped_column(JSONB)
    features: Mapped[JsonObject]
    terms: Mapped[list[str]] = mapped_column(ARRAY(String))
    evidence: Mapped[list[JsonObject]] = mapped_column(JSONB)
    uncovered_keywords: Mapped[list[str]] = mapped_column(ARRAY(String))
    is_pending: Mapped[bool]
    verdict: Mapped[Verdict | None] = mapped_column(comment="the latest one")

    run: Mapped[MatchRun] = relationship(lazy="raise")
    expert: Mapped[Expert] = relationship(lazy="raise")
    reviews: Mapped[list["MatchReview"]] = relationship(lazy="raise", viewonly=True)


class Judgment(Record):
    """A coordinator's verdict on a match, with the features as they were shown."""

    __tablename__ = "judgments"

    match_id: Mapped[UUID] = mapped_column(ForeignKey("matches.id"), index=True)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    verdict: Mapped[Verdict]
    reason: Mapped[str] = mapped_column(default="")
    rank: Mapped[int]
    score: Mapped[float]
    features: Mapped[JsonObject]
    index_version: Mapped[str] = mapped_column(String(16))


class ReviewState(StrEnum):
    REQUESTED = "requested"
    ANSWERED = "answered"


class MatchReview(Record):
    """A candidate asked that a person look at their rank; staff of the demand's region answer."""

    __tablename__ = "match_reviews"
    __table_args__ = (
        Index("ix_match_reviews_open", "created_at", postgresql_where=text("state = 'requested'")),
    )

    match_id: Mapped[UUID] = mapped_column(ForeignKey("matches.id"), index=True)
    state: Mapped[ReviewState] = mapped_column(default=ReviewState.REQUESTED)
    reason: Mapped[str]
    answer: Mapped[str] = mapped_column(default="")
    requested_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    answered_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("accounts.id"))
    answered_at: Mapped[datetime | None]

    match: Mapped[Match] = relationship(lazy="raise")


class RankerState(StrEnum):
    CANDIDATE = "candidate"
    IN_FORCE = "in_force"
    RETIRED = "retired"


class StoredRanker(Record):
    """A version of what features count and scores mean; number 0 is the library's own."""

    __tablename__ = "rankers"
    __table_args__ = (
        Index(
            "ix_rankers_in_force", "state", unique=True, postgresql_where=text("state = 'in_force'")
        ),
    )

    number: Mapped[int] = mapped_column(unique=True)
    state: Mapped[RankerState]
    encoder: Mapped[str] = mapped_column(
        String(200), comment="of the matches that it has learned from"
    )
    weights: Mapped[JsonObject | None] = mapped_column(comment="null for those of the library")
    calibration: Mapped[JsonObject | None] = mapped_column(comment="likewise")
    learned_from: Mapped[JsonObject | None] = mapped_column(comment="null for number 0")
    metrics: Mapped[JsonObject | None] = mapped_column(comment="on demands held out; likewise")
    promoted_at: Mapped[datetime | None]
    promoted_by_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("accounts.id"), comment="null when the job did"
    )


class StoredModel(Record):
    """The frozen statistics of one index version of one pool; the newest one is in force."""

    __tablename__ = "index_models"
    __table_args__ = (Index(None, "pool", "created_at"),)

    pool: Mapped[Pool]
    model_version: Mapped[str] = mapped_column(String(16))
    encoder: Mapped[str] = mapped_column(String(200))
    candidates: Mapped[int] = mapped_column(comment="in the pool when it was fitted")
    encoded: Mapped[int] = mapped_column(comment="of them, with all their vectors")
    queries: Mapped[int] = mapped_column(
        server_default="0", comment="published demands: what many of them say is damped"
    )
    format: Mapped[int] = mapped_column(
        server_default="1", comment="of the content; each release reads its own"
    )
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


class StoredVector(Base):
    """What an encoder made of one text, as float32 bytes; texts are known by their hash."""

    __tablename__ = "vectors"

    encoder: Mapped[str] = mapped_column(String(200), primary_key=True)
    is_query: Mapped[bool] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    vector: Mapped[bytes]
