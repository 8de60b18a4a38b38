"""Pairs of like demands → groups that may be one problem: complete linkage, and nothing else.

Any two demands of a group are alike, so groups do not chain from one subject to another.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# Chosen on real demands, see README, decision 60; scripts/evaluate_problems.py measures them.
SIMILAR = 0.30
NEAR_DUPLICATE = 0.50
LARGEST = 30  # demands of a group: more than people look through


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two demands by their ids, `first` < `second`; how alike they are, and by which words."""

    first: str
    second: str
    similarity: float
    terms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.first >= self.second:
            raise ValueError(f"a pair is in order, got {self.first!r} and {self.second!r}")

    def other(self, demand: str) -> str:
        return self.second if demand == self.first else self.first


def group(
    pairs: Iterable[Pair],
    enterprises: Mapping[str, str],
    *,
    threshold: float = SIMILAR,
    largest: int = LARGEST,
) -> list[frozenset[str]]:
    """Disjoint groups of demands of two enterprises or more, any two at least `threshold` alike.

    Two groups become one once all pairs between them have come, the most alike first: complete
    linkage (Defays 1977). Pairs of one enterprise come last, since it is others who share a
    problem. Ties are broken by ids, so the order of `pairs` makes no difference.

    enterprises: whose each demand is.
    """
    close = [pair for pair in pairs if pair.similarity >= threshold]
    close.sort(key=lambda p: (_is_of_one(p, enterprises), -p.similarity, p.first, p.second))
    group_of = {demand: frozenset((demand,)) for p in close for demand in (p.first, p.second)}
    links: dict[frozenset[str], Counter[frozenset[str]]] = {g: Counter() for g in group_of.values()}
    for pair in close:
        one, two = group_of[pair.first], group_of[pair.second]
        links[one][two] += 1
        links[two][one] += 1
        if links[one][two] == len(one) * len(two) and len(one) + len(two) <= largest:
            joined = _join(one, two, links)
            group_of |= dict.fromkeys(joined, joined)
    shared = [g for g in set(group_of.values()) if len({enterprises[d] for d in g}) > 1]
    return sorted(shared, key=sorted)


def _join(
    one: frozenset[str], two: frozenset[str], links: dict[frozenset[str], Counter[frozenset[str]]]
) -> frozenset[str]:
    """Put two groups together, with the pairs that have come between them and all others."""
    joined = one | two
    counts = links.pop(one) + links.pop(two)
    del counts[one], counts[two]
    links[joined] = counts
    for other, count in counts.items():
        del links[other][one], links[other][two]
        links[other][joined] = count
    return joined


def _is_of_one(pair: Pair, enterprises: Mapping[str, str]) -> bool:
    return enterprises[pair.first] == enterprises[pair.second]
