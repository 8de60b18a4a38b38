"""The whole pool ranked for every demand of the cases, in this process."""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import opencc
from numpy.typing import NDArray

from app.bulk.rows import UNSAID_OF_EVIDENCE, DemandRow, ExpertRow
from app.bulk.writing.importers.demands import NOT_COLUMNS as NOT_OF_DEMANDS
from app.bulk.writing.importers.demands import UNSAID as UNSAID_OF_DEMANDS
from app.bulk.writing.importers.experts import NOT_COLUMNS as NOT_OF_EXPERTS
from app.bulk.writing.importers.experts import UNSAID as UNSAID_OF_EXPERTS
from app.demands.models import Demand
from app.demands.schemas import DemandCreate
from app.evaluation.cases import Cases, DemandCase, ExpertCase
from app.evaluation.configurations import Configuration
from app.evaluation.views import VIEWS, scores, technical_terms
from app.experts.models import Evidence, Expert
from app.experts.schemas import ExpertCreate
from app.matches.index.documents import candidate_of_expert, query_of_demand
from matching import (
    Candidate,
    LocalEncoder,
    Match,
    MatchIndex,
    Query,
    centring_queries,
    fit_model,
    match,
    text_key,
)
from matching.arrays import Floats
from matching.embeddings import encoded_queries
from matching.evaluation import tfidf_rankings
from matching.weights import FEATURES

ITEMS = re.compile(r"(?<=[;；。、，,])")
HONOURS = re.compile(
    "杰青|长江学者|人计划|津贴|优秀|先进(?:个人|工作者)|劳动模范|入选|称号|荣誉"
    "|委员|理事|会员|主编|编委|院长|教授|博导|导师"
)
LONGEST_HONOUR = 40  # characters: a longer item tells of the work, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One candidate's place, its score by the name of what contributed, and its features."""

    candidate_id: str
    contributions: Mapping[str, float] = field(default_factory=dict)
    features: Mapping[str, float] = field(default_factory=dict)


Rankings = Mapping[str, Sequence[Ranked]]  # by demand, best first


@dataclass(eq=False)
class Bench:
    """The cases as the service would read them after an import; everything is made once."""

    cases: Cases
    _indexes: dict[Hashable, MatchIndex] = field(default_factory=dict, init=False)
    _documents: dict[str, Floats] = field(default_factory=dict, init=False)
    _asked: dict[str, Floats] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._encoder = LocalEncoder()
        self.pool = [_candidate(case) for case in self.cases.experts]
        self.queries = {case.demand_id: _query(case) for case in self.cases.demands}

    def rank(self, configuration: Configuration) -> Rankings:
        """Rank everybody for every demand."""
        if configuration.encoder == "bigrams":
            return self.rank_by_tfidf()
        index = self.index(configuration)
        queries = {name: _read(q, configuration) for name, q in self.queries.items()}
        encodes = configuration.encoder == "local"
        vectors = self._query_vectors(queries.values()) if encodes else None
        rankings: Rankings = {
            demand_id: [
                _ranked(found)
                for found in match(
                    query,
                    index,
                    query_vectors=vectors,
                    weights=configuration.weights,
                    limit=len(self.pool),
                    depth=len(self.pool),
                ).matches
            ]
            for demand_id, query in queries.items()
        }
        return self._viewed(rankings, configuration) if configuration.view else rankings

    def index(self, configuration: Configuration) -> MatchIndex:
        """The demands centre the queries, as those of the service's own pool do."""
        unread = configuration.unread & {"evidence", "honours"}
        key = (configuration.encoder, configuration.steps, unread)
        if key not in self._indexes:
            queries = list(self.queries.values())
            pool = [_told(candidate, unread) for candidate in self.pool]
            fitted = partial(fit_model, pool, queries=queries, steps=configuration.steps)
            if configuration.encoder == "local":
                self._encode(pool)
                asked = self._query_vectors(centring_queries(queries, pool))
                model = fitted(
                    encoder_name=self._encoder.name, vectors=self._documents, query_vectors=asked
                )
            else:
                model = fitted()
            self._indexes[key] = MatchIndex.build(model, pool, self._documents)
        return self._indexes[key]

    def _encode(self, pool: Sequence[Candidate]) -> None:
        texts = {text_key(t): t for one in pool for t in MatchIndex.texts_to_encode(one)}
        missing = {key: text for key, text in texts.items() if key not in self._documents}
        made = self._encoder.encode_documents(list(missing.values()))
        self._documents |= dict(zip(missing, made, strict=True))

    def _query_vectors(self, queries: Iterable[Query]) -> dict[str, Floats]:
        texts = {
            text_key(text): text for query in queries for text in query.texts_to_encode if text
        }
        missing = [text for key, text in texts.items() if key not in self._asked]
        self._asked |= encoded_queries(self._encoder, missing)
        return self._asked

    def _viewed(self, rankings: Rankings, configuration: Configuration) -> Rankings:
        """The same with another lexical view; hubness stays what the matcher's own makes it."""
        terms = technical_terms([candidate.documents[0].text for candidate in self.pool])
        documents = [";".join(d.text for d in candidate.documents) for candidate in self.pool]
        asked = [f"{query.title}\n{query.text}" for query in self.queries.values()]
        found = scores(VIEWS[configuration.view], documents, asked, terms)
        places = {candidate.candidate_id: n for n, candidate in enumerate(self.pool)}
        return {
            demand_id: _ordered(
                replace(
                    one,
                    contributions={
                        **one.contributions,
                        "baseline": 0.0,
                        "lexical": configuration.weights.lexical * value,
                    },
                    features={**one.features, "lexical": value},
                )
                for one in rankings[demand_id]
                for value in (float(row[places[one.candidate_id]]),)
            )
            for demand_id, row in zip(self.queries, found, strict=True)
        }

    def rank_by_tfidf(self, words: Callable[[str], list[str]] | None = None) -> Rankings:
        """By scikit-learn's TF-IDF on the same texts: of character bigrams, or of words."""
        documents = {c.candidate_id: "；".join(d.text for d in c.documents) for c in self.pool}
        queries = [query.text for query in self.queries.values()]
        ranked = tfidf_rankings(documents, queries, words=words)
        return {
            demand_id: [Ranked(candidate_id=candidate) for candidate in found]
            for demand_id, found in zip(self.queries, ranked, strict=True)
        }


def matrix_of(features: Sequence[Mapping[str, float]]) -> NDArray[np.float64]:
    """The (n, 4) `FEATURES`; where hubness was not measured it is nobody's."""
    values = [[one.get(name, 0.0) for name in FEATURES] for one in features]
    return np.array(values, dtype=np.float64)


def _ordered(ranking: Iterable[Ranked]) -> list[Ranked]:
    return sorted(ranking, key=lambda one: (-sum(one.contributions.values()), one.candidate_id))


def _read(query: Query, configuration: Configuration) -> Query:
    """The demand as this configuration asks it."""
    if "description" in configuration.unread:
        query = replace(query, problem="", indicators="")
    if "title" in configuration.unread:  # it stands first in the text, and nowhere else
        query = replace(query, title="", problem=f"{query.title}\n{query.problem}")
    if configuration.is_foreign:
        query = replace(
            query,
            title=_foreign(query.title),
            problem=_foreign(query.problem),
            indicators=_foreign(query.indicators),
        )
    return query


def _foreign(text: str) -> str:
    """Traditional script; letters, digits and signs in full width."""
    converted = opencc.OpenCC("s2twp").convert(text)
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in converted)


def _told(candidate: Candidate, unread: frozenset[str]) -> Candidate:
    """The candidate as far as this configuration reads of them."""
    documents = candidate.documents[:1] if "evidence" in unread else candidate.documents
    if "honours" in unread:
        documents = tuple(replace(d, text=_without_honours(d.text)) for d in documents)
    return replace(candidate, documents=documents)


def _without_honours(text: str) -> str:
    parts = ITEMS.split(text)
    return "".join(p for p in parts if len(p) > LONGEST_HONOUR or not HONOURS.search(p))


def _ranked(found: Match) -> Ranked:
    parts: dict[str, float] = {}
    for contribution in found.contributions:
        parts[contribution.name] = parts.get(contribution.name, 0.0) + contribution.value
    return Ranked(candidate_id=found.candidate_id, contributions=parts, features=found.features)


def _candidate(case: ExpertCase) -> Candidate:
    row = ExpertRow.model_validate(case.as_row())
    stated = row.stated(ExpertCreate, without=NOT_OF_EXPERTS)
    expert = Expert(**(UNSAID_OF_EXPERTS | stated))
    expert.evidence = [
        Evidence(**(UNSAID_OF_EVIDENCE | values)) for values in row.evidence_values()
    ]
    return replace(candidate_of_expert(expert), candidate_id=case.expert_id)


def _query(case: DemandCase) -> Query:
    row = DemandRow.model_validate(case.as_row())
    stated = row.stated(DemandCreate, without=NOT_OF_DEMANDS)
    return query_of_demand(Demand(**(UNSAID_OF_DEMANDS | stated)))
