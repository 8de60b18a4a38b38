"""Normalise and tokenise Chinese and Latin text.

A run of CJK characters is cut into its characters and its character bigrams, any other word is
lowered and stemmed. Both beat words on demands against expert profiles, and need no dictionary. A
term is a 64-bit key: the code points themselves for CJK, a hash with the highest bit set for other
words, so vocabularies are sorted arrays and no process needs a dictionary of strings.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from hashlib import blake2b

import numpy as np
import opencc
import snowballstemmer
from numpy.typing import NDArray

from matching.arrays import Keys
from matching.kernels import scan_terms

WORD = re.compile(r"[a-z0-9\u00b5-\u024f\u0370-\u052f]+")
CODE_POINTS = 0x110000
CJK_RANGES = (
    (0x3041, 0x30FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0x20000, 0x323AF),
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u00ad\u200b-\u200f\u2028\u2029\ufeff]+")
_PUNCTUATION = tuple(zip("，；：（）！？\u3000", ",;:()!? ", strict=True))
_threads = threading.local()


def fold(text: str) -> str:
    """One width, simplified script, single spaces; case is kept for people to read."""
    for wide, narrow in _PUNCTUATION:
        text = text.replace(wide, narrow)
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    if _traditional().search(text):
        text = _simplifier().convert(text)
    return text.strip() if text.isprintable() else _CONTROL.sub(" ", text).strip()


def normalise(text: str) -> str:
    """`fold` and lower case: the form in which texts are compared, hashed and counted."""
    return fold(text).lower()


def term_keys(texts: Sequence[str]) -> tuple[Keys, NDArray[np.int64]]:
    """Return the term keys of normalised `texts`, one after the other, and their bounds (n + 1)."""
    joined = "\n".join(texts)
    points = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
    words, words_at = _word_keys(joined)
    starts = np.cumsum([0, *(len(text) + 1 for text in texts)], dtype=np.int64)
    return scan_terms(points, _cjk_table(), words, words_at, starts)


def phrase_keys(phrase: str) -> Keys:
    """Return the distinct term keys of a phrase, ascending: its words and its pairs of characters.

    Single characters count only where the phrase is one: scattered over a text they say nothing.
    """
    keys = np.unique(term_keys([normalise(phrase)])[0])
    pairs_and_words = keys[keys >= CODE_POINTS]
    return pairs_and_words if len(pairs_and_words) else keys


def cjk_mask(points: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """True where a code point belongs to a script that is written without spaces."""
    return _cjk_table()[points]


def as_whole(form: str) -> str:
    """A pattern of a text's own form in which a Latin word is a whole one: no ion in region."""
    before = "(?<![A-Za-z0-9])" if WORD.match(form[0].lower()) else ""
    after = "(?![A-Za-z0-9])" if WORD.match(form[-1].lower()) else ""
    return f"{before}{re.escape(form)}{after}"


def word_key(word: str) -> int:
    """Key of one lower-case word: a hash of its English stem, alike in every process."""
    return _stemmed_key(word)


def _word_keys(joined: str) -> tuple[Keys, NDArray[np.int64]]:
    found = [(word_key(match.group()), match.start()) for match in WORD.finditer(joined)]
    keys = np.array([key for key, _ in found], dtype=np.uint64)
    return keys, np.array([start for _, start in found], dtype=np.int64)


@lru_cache(maxsize=1 << 17)
def _stemmed_key(word: str) -> int:
    stem = _stemmer().stemWord(word)
    digest = blake2b(stem.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") | 1 << 63


def _stemmer() -> snowballstemmer.stemmer:
    """One stemmer a thread, since a stemmer keeps the word at work in itself."""
    if not hasattr(_threads, "stemmer"):
        _threads.stemmer = snowballstemmer.stemmer("english")
    stemmer: snowballstemmer.stemmer = _threads.stemmer
    return stemmer


@cache
def _simplifier() -> opencc.OpenCC:
    return opencc.OpenCC("tw2sp")


@cache
def _traditional() -> re.Pattern[str]:
    """Characters that tell a traditional text: changed by the converter, not in GB/T 2312.

    Only texts that hold one are converted, else 显著 would become 显着.
    """
    characters = [chr(point) for low, high in CJK_RANGES[1:3] for point in range(low, high + 1)]
    converted = _simplifier().convert("\n".join(characters)).split("\n")
    changed = (a for a, b in zip(characters, converted, strict=True) if a != b)
    return re.compile(f"[{''.join(c for c in changed if not c.encode('gb2312', 'ignore'))}]")


@cache
def _cjk_table() -> NDArray[np.bool_]:
    table = np.zeros(CODE_POINTS, dtype=np.bool_)
    for low, high in CJK_RANGES:
        table[low : high + 1] = True
    return table
