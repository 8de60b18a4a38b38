"""Other lexical views than the matcher's own, by scikit-learn, to see what the choice brings.

All are cosines of smooth idf with a query's terms damped as the matcher damps them; words are
those of two characters and more that rjieba cuts.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize

from matching.features import damping, smooth_idf
from matching.text import WORD, normalise

CHINESE = re.compile(r"[\u3400-\u9fff]+")
ITEMS = re.compile(r"[;；,，、。:：()（）\s和与及]+")
SHORTEST_TERM, LONGEST_TERM = 3, 8
K1, B = 1.2, 0.75  # of BM25, as Robertson & Zaragoza (2009) recommend

Cut = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a text is cut into terms, given the pool's technical terms, and what repetition counts.

    `saturation`: "log" (1 + ln tf, unit length), "none" (tf, unit length) or "bm25".
    """

    cut: Callable[[str, frozenset[str]], list[str]]
    saturation: str = "log"


def _grams(text: str, terms: frozenset[str], *, sizes: Sequence[int]) -> list[str]:
    runs = CHINESE.findall(text)
    grams = [run[i : i + n] for run in runs for n in sizes for i in range(len(run) - n + 1)]
    return [*grams, *(match.group() for match in WORD.finditer(text))]


def _words(text: str, terms: frozenset[str]) -> list[str]:
    import rjieba  # here, since its dictionary takes memory that no other command needs

    return [word for word in rjieba.cut(text) if len(word) > 1]


def _technical(text: str, terms: frozenset[str]) -> list[str]:
    """The terms of the pool's own dictionary that stand in the text, marked apart."""
    sizes = range(SHORTEST_TERM, LONGEST_TERM + 1)
    return [f"#{gram}" for gram in _grams(text, terms, sizes=sizes) if gram in terms]


def _both(text: str, terms: frozenset[str], *, first: Callable[..., list[str]]) -> list[str]:
    return [*first(text, terms), *_technical(text, terms)]


_pairs = partial(_grams, sizes=(1, 2))
VIEWS = {
    "grams": View(cut=_pairs),
    "bigrams": View(cut=partial(_grams, sizes=(2,))),
    "trigrams": View(cut=partial(_grams, sizes=(2, 3))),
    "words": View(cut=_words),
    "words+terms": View(cut=partial(_both, first=_words)),
    "grams+terms": View(cut=partial(_both, first=_pairs)),
    "grams-tf": View(cut=_pairs, saturation="none"),
    "grams-bm25": View(cut=_pairs, saturation="bm25"),
}


def technical_terms(statements: Sequence[str]) -> frozenset[str]:
    """The user dictionary: what stands as an item by itself in the experts' own statements."""
    items = (item for text in statements for item in ITEMS.split(normalise(text)))
    return frozenset(
        item
        for item in items
        if SHORTEST_TERM <= len(item) <= LONGEST_TERM and CHINESE.fullmatch(item)
    )


def scores(
    view: View, documents: Sequence[str], queries: Sequence[str], terms: frozenset[str]
) -> NDArray[np.float64]:
    """Return the (queries, documents) scores of a view; `queries` hold the title twice."""
    vectorizer = CountVectorizer(analyzer=lambda text: view.cut(normalise(text), terms))
    found = csr_array(vectorizer.fit_transform(documents), dtype=np.float64)
    asked = csr_array(vectorizer.transform(queries), dtype=np.float64)
    idf = smooth_idf(_frequencies(found), len(documents)).astype(np.float64)
    shared = np.maximum(_frequencies(asked), 1)
    telling = damping(shared, len(queries), np.zeros(len(shared)))
    asked.data = 1 + np.log(asked.data)
    weights = normalize(asked.multiply(idf * telling).tocsr())
    return np.asarray((weights @ _weighed(view.saturation, found, idf).T).toarray())


def _weighed(saturation: str, found: csr_array, idf: NDArray[np.float64]) -> csr_array:
    if saturation != "bm25":
        found.data = 1 + np.log(found.data) if saturation == "log" else found.data
        return normalize(found.multiply(idf).tocsr())
    lengths = np.asarray(found.sum(axis=1))
    own = np.repeat(K1 * (1 - B + B * lengths / lengths.mean()), np.diff(found.indptr))
    found.data = found.data * (K1 + 1) / (found.data + own)
    weighed = csr_array(found.multiply(idf).tocsr())
    norms = np.sqrt(np.asarray(weighed.multiply(weighed).sum(axis=1)))
    weighed.data /= np.median(norms)  # a cosine's size on average, so that weights mean the same
    return weighed


def _frequencies(counts: csr_array) -> NDArray[np.int64]:
    return np.asarray((counts > 0).sum(axis=0), dtype=np.int64).ravel()
