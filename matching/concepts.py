"""The technical terms of a demand, by rules and the statistics of a pool; no dictionary.

A text is cut where words of grammar or of forms stand, and between two characters that the pool
keeps apart. What is left are phrases; the most telling come first. The same texts under the same
statistics always give the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

import numpy as np

from matching.arrays import Keys, positions
from matching.form_words import BETWEEN_TERMS, GENERIC
from matching.model import IndexModel
from matching.text import as_whole, normalise, phrase_keys
from matching.types import LONGEST_CONCEPT

READ = 2_000  # characters of each text, four times what the form has room for
SHORTEST, LONGEST = 2, 12  # of what is found in Chinese
NEVER_CUT = 3
# Neighbours are apart that chance would have in at least two documents, and less than a third have.
LEAST_EXPECTED, APART = 2.0, 0.3
SHOWN_PLACES = 10
HEAVY, PLAIN = 2, 1

_RUN = re.compile(
    r"[\u4e00-\u9fff]+"
    r"|[A-Za-z][A-Za-z0-9]*(?:[-/+][A-Za-z0-9]+)*"
    r"(?:[\u4e00-\u9fff]+|(?: [A-Za-z][A-Za-z0-9-]*)+)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A passage: the characters from `start` up to `end` of one field's text."""

    field: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A technical term as it stands in a text, the weight it may be given, and up to ten places.

    The weight is 2 of what the title or a keyword says, or a text more than once; else 1.
    """

    text: str
    weight: int
    places: tuple[Place, ...]


def extract(
    texts: Mapping[str, str], keywords: Sequence[str] = (), model: IndexModel | None = None
) -> list[Phrase]:
    """Return the technical terms of `texts` by field, of which the first is the title.

    Best first, ties by where they stand. A phrase is worth 1 and the mean weight of its terms as a
    query has them (those that nobody in the pool uses add nothing), doubled in the title or as a
    keyword, times 1 + ln of how often it stands there. Without a model nothing is known of a pool.
    """
    read = {field: text[:READ] for field, text in texts.items()}
    short = [word for word in keywords if len(word) <= LONGEST_CONCEPT]
    named = {form: word for word in short if (form := normalise(word))}
    found = dict(named)
    for text in read.values():
        for phrase in _phrases(text, model):
            found.setdefault(normalise(phrase), phrase)
    whole, title = normalise("\n".join(read.values())), normalise(next(iter(read.values()), ""))
    counts = {form: max(1, whole.count(form)) for form in found}
    leading = {form for form in found if form in named or form in title}
    parts = _parts(counts) - named.keys()
    worth = {
        form: (1 + _telling(form, model)) * (1 + (form in leading)) * (1 + log(counts[form]))
        for form in found
        if form not in parts and (len(form) > SHORTEST or form in leading or counts[form] > 1)
    }
    return [
        Phrase(
            text=found[form],
            weight=HEAVY if form in leading or counts[form] > 1 else PLAIN,
            places=places_of(found[form], read),
        )
        for form in sorted(worth, key=lambda form: -worth[form])
    ]


def _phrases(text: str, model: IndexModel | None) -> Iterator[str]:
    for run in _RUN.finditer(text):
        for part in BETWEEN_TERMS.split(run.group()):
            for phrase in _cut(part.strip(" -/+"), model):
                longest = LONGEST_CONCEPT if phrase.isascii() else LONGEST
                if SHORTEST <= len(phrase) <= longest and phrase not in GENERIC:
                    yield phrase


def _cut(part: str, model: IndexModel | None) -> list[str]:
    """Part a run of Chinese wherever the pool keeps two neighbours apart."""
    if model is None or len(part) <= NEVER_CUT:
        return [part]
    points = np.array([ord(character) for character in part], dtype=np.uint64)
    pairs = points[:-1] << np.uint64(21) | points[1:]
    single, together = _documents(points, model), _documents(pairs, model)
    expected = single[:-1] * single[1:] / max(1, model.documents)
    is_apart = (expected >= LEAST_EXPECTED) & (together <= APART * expected)
    bounds = [0, *(np.flatnonzero(is_apart) + 1).tolist(), len(part)]
    return [part[start:stop] for start, stop in pairwise(bounds)]


def _documents(keys: Keys, model: IndexModel) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """In how many documents each term stands: `smooth_idf` the other way round."""
    idf = model.idf_of(keys).astype(np.float64)
    return np.maximum(0, np.round((1 + model.documents) / np.exp(idf - 1) - 1))


def _parts(counts: Mapping[str, int]) -> set[str]:
    """The phrases that stand only inside a longer one."""
    return {
        part
        for form, count in counts.items()
        for length in range(1, len(form))
        for start in range(len(form) - length + 1)
        if counts.get(part := form[start : start + length]) == count
    }


def _telling(form: str, model: IndexModel | None) -> float:
    if model is None:
        return 0.0
    keys = phrase_keys(form)
    is_known = positions(model.keys, keys) >= 0
    return float((model.asked_idf_of(keys) * is_known).mean()) if len(keys) else 0.0


def places_of(phrase: str, texts: Mapping[str, str]) -> tuple[Place, ...]:
    """Return where a phrase stands, the first ten places, whatever its case."""
    places = [
        Place(field=field, start=found.start(), end=found.end())
        for field, text in texts.items()
        for found in re.finditer(as_whole(phrase), text, re.IGNORECASE)
    ]
    return tuple(places[:SHOWN_PLACES])
