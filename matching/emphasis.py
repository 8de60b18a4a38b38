"""What the concepts of a query do to its terms: some count more, some not at all.

Factors come after the query was made a unit, and leave its norm alone. So each term keeps what it
adds to a score, whatever is said of the others: more weight of a concept never lowers a candidate
who holds its terms beside one who does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from matching.arrays import Floats, Keys
from matching.model import IndexModel
from matching.text import as_whole, normalise, phrase_keys, term_keys
from matching.types import HEAVIEST, Concept, Query

# By weight. The step to 2, which is what a diagnosis suggests at most, is small: with it every
# suggestion may be taken without a loss on development judgments. 3 is for whoever asks to say.
FACTORS = np.array([0, 1, 1.25, 2], dtype=np.float32)


def weigh_terms(text: str, concepts: Sequence[Concept], model: IndexModel) -> tuple[Keys, Floats]:
    """Return the terms of a normalised query, ascending, and their weights under its concepts.

    Without concepts the weights are a unit. Words and pairs of characters of a concept are
    multiplied by the factor of its weight, the heaviest where they are of several; one that the
    text lacks counts as if it stood there once. What stands in deleted concepts alone is 0.
    """
    rows, norms = model.weigh_queries([text])
    if not concepts:
        return rows.keys, rows.values
    factors = _factors(concepts)
    keys = np.union1d(rows.keys, np.array(list(factors), dtype=np.uint64))
    weights = model.asked_idf_of(keys)
    weights /= norms[0] or np.linalg.norm(weights)
    weights[np.searchsorted(keys, rows.keys)] = rows.values
    left = np.unique(term_keys([_without(text, concepts)])[0])
    usual = np.isin(keys, left).astype(np.float32)
    own = [factors.get(key, plain) for key, plain in zip(keys.tolist(), usual, strict=True)]
    return keys, weights * np.array(own, dtype=np.float32)


def must_haves(query: Query) -> list[str]:
    """Keywords and must-have concepts, each once, without what is deleted."""
    gone = {normalise(concept.text) for concept in query.concepts if not concept.weight}
    wanted = [*query.keywords, *(c.text for c in query.concepts if c.is_must_have)]
    return [text for text in dict.fromkeys(wanted) if normalise(text) not in gone]


def meant_text(query: Query) -> str:
    """The query's text as its concepts have it: without what is deleted, with what is added."""
    if not query.concepts:
        return query.text
    stated = _without(normalise(query.text), query.concepts)
    return "\n".join([stated, *(concept.text for concept in query.concepts if concept.weight)])


def _factors(concepts: Iterable[Concept]) -> dict[int, float]:
    """By term of the concepts that are meant."""
    factors: dict[int, float] = {}
    for concept in concepts:
        if concept.weight:
            factor = float(FACTORS[HEAVIEST if concept.is_must_have else concept.weight])
            for key in phrase_keys(concept.text).tolist():
                factors[key] = max(factor, factors.get(key, 0.0))
    return factors


def _without(text: str, concepts: Iterable[Concept]) -> str:
    """A normalised text with a gap wherever a deleted concept stood, in any overlap."""
    gaps = np.zeros(len(text), dtype=np.bool_)
    for concept in concepts:
        form = normalise(concept.text)
        if form and not concept.weight:
            for found in re.finditer(as_whole(form), text):
                gaps[found.start() : found.end()] = True
    return "".join("\n" if gap else character for character, gap in zip(text, gaps, strict=True))
