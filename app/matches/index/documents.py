"""The only translation between the database's records and what `matching/` reads."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from app.achievements.models import Achievement
from app.clock import day_of
from app.demands.models import Demand
from app.experts.models import ConflictKind, Evidence, Expert, Invitation, InvitationState
from app.reference.codes import names
from matching import Candidate, Concept, Document, Facts, Grade, Query
from matching.text import normalise

PROFILE = "profile"
# Of what is made of a record here: an index that was saved of anything else is made anew.
FORMAT = 4


def candidate_of_expert(expert: Expert, invitations: Sequence[Invitation] = ()) -> Candidate:
    """An expert's statement and one document for each item of evidence."""
    statement = Document(
        document_id=str(expert.id), kind=PROFILE, text=statement_of(expert), grade=Grade.self_stated
    )
    evidence = [_document_of(item) for item in expert.evidence]
    return Candidate(
        candidate_id=str(expert.id),
        documents=(statement, *evidence),
        facts=facts_of_expert(expert, invitations),
    )


def statement_of(expert: Expert) -> str:
    """What the profile says of the expert's work, most telling first; no name, no employer."""
    parts = [*expert.research_directions, *expert.specialities, expert.introduction]
    return "；".join(part for part in (*parts, expert.title) if part)


def facts_of_expert(expert: Expert, invitations: Sequence[Invitation] = ()) -> Facts:
    """What constraints read; an expert is in conflict with employer and declared organizations.

    Memberships are no facts: their changes are none of the expert, whom an index follows. Days
    are told and not what follows from them, so that neither a new day nor another setting makes
    an index outdated.
    """
    declared = frozenset(declared_conflicts(expert))
    return Facts(
        kind=expert.kind,
        region=expert.region_code or "",
        organizations=declared | conflict_keys(expert.organization_id, expert.organization_name),
        absences=tuple(
            (date.fromisoformat(a["from_on"]), date.fromisoformat(a["until_on"]))
            for a in expert.absences
        ),
        capacity=expert.yearly_capacity,
        reduced=_reduced(expert),
        do_not_contact_until=date.max
        if expert.is_do_not_contact
        else expert.do_not_contact_until_on,
        invited_on=tuple(day_of(one.invited_at) for one in invitations),
        refused_on=tuple(
            day_of(one.answered_at)
            for one in invitations
            if one.state is InvitationState.REFUSED and one.answered_at is not None
        ),
    )


def declared_conflicts(expert: Expert) -> dict[str, ConflictKind]:
    """The organizations that the profile declares, each with what binds the expert to it."""
    unsaid = {str(one): ConflictKind.OTHER for one in expert.conflicting_organization_ids}
    said = expert.declared_conflicts
    return unsaid | {one["organization_id"]: ConflictKind(one["kind"]) for one in said}


def _reduced(expert: Expert) -> tuple[int, date] | None:
    if expert.reduced_capacity is None or expert.reduced_until_on is None:
        return None
    return expert.reduced_capacity, expert.reduced_until_on


def conflicts_of_demand(demand: Demand) -> frozenset[str]:
    """The enterprise that asks."""
    return conflict_keys(demand.organization_id, demand.organization.name)


def conflict_keys(organization_id: UUID | None, name: str) -> frozenset[str]:
    """An organization as facts and constraints name it: by its id and by its name.

    An employer may be a name alone, or the same body entered twice. Names are compared in one
    width and script, without case and spaces.
    """
    named = {str(organization_id or ""), _plain(name)}
    return frozenset(named - {""})


def _plain(name: str) -> str:
    return normalise(name).replace(" ", "")


def enterprise_of(demand: Demand) -> str:
    """What tells one enterprise from another, also where the same was entered twice."""
    return _plain(demand.organization.name)


def _document_of(item: Evidence) -> Document:
    text = "；".join(part for part in (item.title, item.abstract, *item.keywords) if part)
    grade = Grade(item.grade.value)
    return Document(document_id=str(item.id), kind=item.kind, text=text, grade=grade)


def candidate_of_demand(demand: Demand) -> Candidate:
    """A demand as a candidate, by its public part alone.

    Experts and coordinators of other regions search this pool: a score made of the full text
    would tell them, word by word, what stands in it.
    """
    document = Document(
        document_id=str(demand.id), kind="demand", text=public_text_of_demand(demand)
    )
    facts = Facts(region=demand.region_code or "", organizations=conflicts_of_demand(demand))
    return Candidate(candidate_id=str(demand.id), documents=(document,), facts=facts)


def candidate_of_achievement(achievement: Achievement) -> Candidate:
    parts = [achievement.name, *achievement.keywords, achievement.summary]
    document = Document(
        document_id=str(achievement.id), kind="achievement", text="；".join(p for p in parts if p)
    )
    facts = Facts(region=achievement.region_code or "")
    return Candidate(candidate_id=str(achievement.id), documents=(document,), facts=facts)


def query_of_demand(demand: Demand) -> Query:
    """The demand's full text, as the enterprise and its coordinator know it."""
    return Query(
        title=demand.title,
        problem=demand.problem,
        indicators="\n".join(t for t in (demand.key_indicators, demand.expected_outcome) if t),
        keywords=tuple(demand.keywords),
        concepts=tuple(
            Concept(text=c["text"], weight=c["weight"], is_must_have=c["is_must_have"])
            for c in demand.concepts
        ),
    )


def public_query_of_demand(demand: Demand) -> Query:
    """What every reader of a published demand may see, to compare it with the others."""
    summary = "" if demand.public_summary == demand.title else demand.public_summary
    return Query(title=demand.title, problem=summary, keywords=tuple(demand.keywords))


def query_of_expert(expert: Expert) -> Query:
    """An expert who looks for problems: the statement, and the latest items of evidence."""
    latest = sorted(expert.evidence, key=lambda item: -(item.year or 0))[:5]
    fields = [names("disciplines").get(code, "") for code in expert.disciplines]
    return Query(
        title="；".join(expert.research_directions) or statement_of(expert),
        problem="；".join([*expert.specialities, *(item.title for item in latest)]),
        indicators="；".join(field for field in fields if field),
    )


def public_text_of_demand(demand: Demand) -> str:
    """What every reader of a published demand may see."""
    return "\n".join([demand.title, demand.public_summary, *demand.keywords])
