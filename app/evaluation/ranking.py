"""The whole pool ranked for every demand of the cases, in this process."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.bulk.rows import UNSAID_OF_EVIDENCE, DemandRow, ExpertRow
from app.bulk.writing.importers.demands import NOT_COLUMNS as NOT_OF_DEMANDS
from app.bulk.writing.importers.demands import UNSAID as UNSAID_OF_DEMANDS
from app.bulk.writing.importers.experts import NOT_COLUMNS as NOT_OF_EXPERTS
from app.bulk.writing.importers.experts import UNSAID as UNSAID_OF_EXPERTS
from app.demands.models import Demand
from app.demands.schemas import DemandCreate
from app.evaluation.cases import Cases, DemandCase, ExpertCase
from app.evaluation.configurations import Configuration
from app.experts.models import Evidence, Expert
from app.experts.schemas import ExpertCreate
from app.matches.index.documents import candidate_of_expert, query_of_demand
from matching import Candidate, Encoder, LocalEncoder, Match, MatchIndex, Query, match
from matching.arrays import Floats
from matching.embeddings import encoded_queries
from matching.evaluation import tfidf_rankings


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One candidate's place, and its score by the name of what contributed."""

    candidate_id: str
    contributions: Mapping[str, float] = field(default_factory=dict)


Rankings = Mapping[str, Sequence[Ranked]]  # by demand, best first


@dataclass(eq=False)
class Bench:
    """The cases as the service would read them after an import; indexes are made once each."""

    cases: Cases
    _indexes: dict[str, MatchIndex] = field(default_factory=dict, init=False)
    _vectors: dict[str, Floats] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._pool = [_candidate(case) for case in self.cases.experts]
        self._queries = {case.demand_id: _query(case) for case in self.cases.demands}

    def rank(self, configuration: Configuration) -> Rankings:
        """Rank everybody for every demand."""
        if configuration.encoder == "bigrams":
            return self.rank_by_tfidf()
        encoder = LocalEncoder() if configuration.encoder == "local" else None
        index = self._index(configuration.encoder, encoder)
        return {
            demand_id: [
                _ranked(found)
                for found in match(
                    query,
                    index,
                    query_vectors=self._vectors if encoder else None,
                    weights=configuration.weights,
                    limit=len(self._pool),
                ).matches
            ]
            for demand_id, query in self._queries.items()
        }

    def _index(self, name: str, encoder: Encoder | None) -> MatchIndex:
        """The demands centre the queries, as those of the service's own pool do."""
        if name not in self._indexes:
            queries = list(self._queries.values())
            self._indexes[name] = MatchIndex.fit(self._pool, encoder, queries)
            if encoder is not None:
                texts = [text for query in queries for text in query.texts_to_encode]
                self._vectors = encoded_queries(encoder, texts)
        return self._indexes[name]

    def rank_by_tfidf(self, words: Callable[[str], list[str]] | None = None) -> Rankings:
        """By scikit-learn's TF-IDF on the same texts: of character bigrams, or of words."""
        documents = {c.candidate_id: "；".join(d.text for d in c.documents) for c in self._pool}
        queries = [query.text for query in self._queries.values()]
        ranked = tfidf_rankings(documents, queries, words=words)
        return {
            demand_id: [Ranked(candidate_id=candidate) for candidate in found]
            for demand_id, found in zip(self._queries, ranked, strict=True)
        }


def _ranked(found: Match) -> Ranked:
    parts: dict[str, float] = {}
    for contribution in found.contributions:
        parts[contribution.name] = parts.get(contribution.name, 0.0) + contribution.value
    return Ranked(candidate_id=found.candidate_id, contributions=parts)


def _candidate(case: ExpertCase) -> Candidate:
    row = ExpertRow.model_validate(case.as_row())
    stated = row.stated(ExpertCreate, without=NOT_OF_EXPERTS)
    expert = Expert(**(UNSAID_OF_EXPERTS | stated))
    expert.evidence = [
        Evidence(**(UNSAID_OF_EVIDENCE | values)) for values in row.evidence_values()
    ]
    return replace(candidate_of_expert(expert, engagements=0), candidate_id=case.expert_id)


def _query(case: DemandCase) -> Query:
    row = DemandRow.model_validate(case.as_row())
    stated = row.stated(DemandCreate, without=NOT_OF_DEMANDS)
    return query_of_demand(Demand(**(UNSAID_OF_DEMANDS | stated)))
