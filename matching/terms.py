"""The words that two texts share, put together again from their shared character bigrams."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from math import inf, log

import numpy as np

from matching.model import IndexModel
from matching.text import WORD, cjk_mask, fold, word_key

PARTICLES = str.maketrans(dict.fromkeys("的了与及", " "))
COMMON_SHARE = 1 / 3
ALWAYS_RARE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A query as its words are looked for: lower-case text, idf of its bigrams and of its words.

    Terms below the idf `common` occur in more than a third of the pool, and say nothing.
    `known_characters` finds where two or more characters of its bigrams stand together, and
    `words_by_run` remembers what was made of shared runs, as most recur.
    """

    text: str
    pairs: Mapping[str, float]
    words: Mapping[int, float]
    common: float
    known_characters: re.Pattern[str]
    words_by_run: dict[str, list[tuple[str, float]]] = field(default_factory=dict)


def read_wording(text: str, model: IndexModel) -> Wording:
    """Take a query apart for `shared_terms`."""
    lower, pairs, words = _parts_of(text)
    pair_keys = [ord(pair[0]) << 21 | ord(pair[1]) for pair in pairs]
    idf = model.idf_of(np.array(pair_keys + words, dtype=np.uint64)).tolist()
    common = max(ALWAYS_RARE, COMMON_SHARE * model.documents)
    return Wording(
        text=lower,
        pairs=dict(zip(pairs, idf, strict=False)),
        words=dict(zip(words, idf[len(pairs) :], strict=True)),
        common=1 + log((1 + model.documents) / (1 + common)),
        known_characters=_characters_of(pairs),
    )


def plain_wording(text: str) -> Wording:
    """Take a query apart without statistics: all weigh the same, and nothing is too common.

    >>> shared_terms(plain_wording("锦纶袜黄变, dyeing"), "锦纶的 Dyeing")
    {'锦纶': 1.0, 'Dyeing': 1.0}
    """
    lower, pairs, words = _parts_of(text)
    return Wording(
        text=lower,
        pairs=dict.fromkeys(pairs, 1.0),
        words=dict.fromkeys(words, 1.0),
        common=0.0,
        known_characters=_characters_of(pairs),
    )


def _parts_of(text: str) -> tuple[str, list[str], list[int]]:
    """The folded text in lower case, its pairs of Chinese characters, and its telling words."""
    lower = fold(text).lower()
    words = {word_key(m.group()) for m in WORD.finditer(lower) if _is_telling(m.group())}
    return lower, sorted(set(_pairs(lower))), sorted(words)


def _characters_of(pairs: Iterable[str]) -> re.Pattern[str]:
    characters = "".join(pairs)
    return re.compile(f"[{re.escape(characters)}]{{2,}}" if characters else "(?!)")


def shared_terms(wording: Wording, text: str) -> dict[str, float]:
    """Return the words of a folded `text` that the query has too, each with the sum of its idf."""
    lower = text.lower()
    shown = text if len(lower) == len(text) else lower
    found: dict[str, float] = {}
    for run in set(_shared_runs(wording, lower)):
        words = wording.words_by_run.get(run)
        if words is None:
            words = wording.words_by_run[run] = _words_of(wording, run)
        found.update(words)
    for match in WORD.finditer(lower):
        weight = wording.words.get(word_key(match.group()))
        if weight is not None and weight >= wording.common:
            found[shown[match.start() : match.end()]] = weight
    return found


def terms_in(terms: Iterable[str], text: str) -> list[str]:
    """Return those of the terms that stand in another text, too, in their order.

    >>> terms_in(["黄变", "Dyeing", "ion"], "锦纶袜黄变, dyeing by region")
    ['黄变', 'Dyeing']
    """
    lower = fold(text).lower()
    words = {word_key(match.group()) for match in WORD.finditer(lower)}
    return [term for term in terms if _stands_in(fold(term).lower(), lower, words)]


def _stands_in(term: str, text: str, words: Set[int]) -> bool:
    """A Latin word is a whole one; a run of Chinese stands anywhere."""
    return word_key(term) in words if WORD.fullmatch(term) else term in text


def heaviest(terms: Mapping[str, float], count: int) -> tuple[str, ...]:
    """Return up to `count` terms, the heaviest first, without those inside a heavier one."""
    chosen: list[str] = []
    covered = ""
    for _, term in sorted((-weight, term) for term, weight in terms.items()):
        if len(chosen) == count:
            break
        lower = term.lower()
        if lower not in covered:
            chosen.append(term)
            covered = f"{covered}\n{lower}"
    return tuple(chosen)


def _words_of(wording: Wording, run: str) -> list[tuple[str, float]]:
    words = []
    for part in _without_fragments(wording, run).translate(PARTICLES).split():
        weights = [wording.pairs[part[i : i + 2]] for i in range(len(part) - 1)]
        if weights and max(weights) >= wording.common:
            words.append((part, sum(weights)))
    return words


def _shared_runs(wording: Wording, text: str) -> Iterable[str]:
    """Yield the longest runs of `text`, from left to right, that stand in the query as they are."""
    pairs, query = wording.pairs, wording.text
    for match in wording.known_characters.finditer(text):
        stretch, start = match.group(), 0
        last = len(stretch) - 1
        while start < last:
            if stretch[start : start + 2] not in pairs:
                start += 1
                continue
            stop = start + 2
            while stop <= last and stretch[start : stop + 1] in query:
                stop += 1
            yield stretch[start:stop]
            start = stop


def _without_fragments(wording: Wording, run: str) -> str:
    """Drop an outer character that the query binds more tightly to what stands outside the run.

    Of 耐火材料 and 防火材料 the run 火材料 is shared; 火 belongs to 耐 there, so 材料 remains.
    """
    at = wording.text.find(run)
    before = wording.text[max(0, at - 1) : at + 1]
    after = wording.text[at + len(run) - 1 : at + len(run) + 1]
    if wording.pairs.get(before, inf) < wording.pairs[run[:2]]:
        run = run[1:]
    if wording.pairs.get(after, inf) < wording.pairs.get(run[-2:], 0):
        run = run[:-1]
    return run


def _pairs(text: str) -> list[str]:
    mask = cjk_mask(np.array([ord(character) for character in text], dtype=np.uint32))
    return [text[i : i + 2] for i in np.flatnonzero(mask[:-1] & mask[1:])]


def _is_telling(word: str) -> bool:
    """A number or a single letter is a reason to nobody."""
    return len(word) > 1 and not word.isdigit()
