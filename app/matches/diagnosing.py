"""The diagnosis of a demand: the rules of its form, and the terms that the pool tells apart."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from anyio import to_thread
from sqlalchemy.ext.asyncio import AsyncSession

from app.demands import operations as demand_operations
from app.demands.diagnosis import rules
from app.demands.diagnosis.passages import Remark
from app.demands.diagnosis.schemas import (
    ConceptFound,
    DiagnosedItem,
    DiagnosisBody,
    PlaceBody,
    RemarkBody,
)
from app.demands.models import ConceptOrigin, Demand
from app.matches.index.ranking import Matcher
from app.matches.models import Pool
from app.organizations.actors import Actor
from matching import IndexModel
from matching.concepts import Phrase, Place, extract, places_of
from matching.text import normalise

MOST_SUGGESTED = 20


async def diagnose(
    session: AsyncSession, actor: Actor, matcher: Matcher, demand_id: UUID, language: str
) -> DiagnosisBody:
    """For who may read the demand in full; nothing of it is stored or leaves this machine."""
    demand = await demand_operations.get_in_full(session, actor, demand_id)
    index = await matcher.indexes[Pool.EXPERTS].refresh(session)
    model = None if index is None else index.model
    found, diagnosis = await to_thread.run_sync(_examine, demand, model)
    texts = rules.texts_of(demand)
    return DiagnosisBody(
        version=demand.version,
        demand_id=demand.id,
        completeness=diagnosis.completeness,
        items=[
            DiagnosedItem(
                code=item.code,
                field=item.field,
                points=item.points,
                is_met=item.is_met,
                message=item.message.in_language(language),
            )
            for item in diagnosis.items
        ],
        missing_indicators=_show(diagnosis.missing_indicators, texts, language),
        vague_passages=_show(diagnosis.vague_passages, texts, language),
        concepts=[*_decided(demand, texts), *_suggested(demand, found)],
    )


def _examine(demand: Demand, model: IndexModel | None) -> tuple[list[Phrase], rules.Diagnosis]:
    found = extract(rules.texts_of(demand), demand.keywords, model)
    return found, rules.diagnose(demand, [phrase.text for phrase in found])


def _show(remarks: Iterable[Remark], texts: dict[str, str], language: str) -> list[RemarkBody]:
    return [
        RemarkBody(
            code=remark.code,
            field=remark.field,
            start=remark.start,
            end=remark.end,
            text=texts[remark.field][remark.start : remark.end],
            question=remark.question.in_language(language),
        )
        for remark in remarks
    ]


def _decided(demand: Demand, texts: dict[str, str]) -> list[ConceptFound]:
    return [
        ConceptFound(**concept, is_decided=True, places=_places(places_of(concept["text"], texts)))
        for concept in demand.concepts
    ]


def _suggested(demand: Demand, found: Sequence[Phrase]) -> list[ConceptFound]:
    """The best of what is found and not decided on."""
    decided = {normalise(concept["text"]) for concept in demand.concepts}
    new = [phrase for phrase in found if normalise(phrase.text) not in decided]
    return [
        ConceptFound(
            text=phrase.text,
            weight=phrase.weight,
            is_must_have=False,
            origin=ConceptOrigin.EXTRACTED,
            is_decided=False,
            places=_places(phrase.places),
        )
        for phrase in new[:MOST_SUGGESTED]
    ]


def _places(places: Iterable[Place]) -> list[PlaceBody]:
    return [PlaceBody.model_validate(place) for place in places]
