"""Names in the place of codes: of the shipped tables, what a name stands for and what is near."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cache

from app.reference.codes import rows

TABLES: Mapping[str, str] = {
    "region_code": "regions",
    "industry_code": "industries",
    "discipline": "disciplines",
    "disciplines": "disciplines",
    "country": "countries",
}
# What has letters and digits of its own form, but no table.
CODES = frozenset({"unified_social_credit_code", "orcid", "currency", "email", "contact_email"})
IGNORED = re.compile(r"[\s\-/·>]")
LONGEST = 50  # characters of a name of which the near ones are looked for
NEAREST = 3


def plain(text: str) -> str:
    """The same for full-width forms and for paths with or without marks between their parts."""
    return IGNORED.sub("", narrow(text))


def narrow(text: str) -> str:
    """A code whose letters and digits were typed full-width, as Chinese input has them."""
    return unicodedata.normalize("NFKC", text).strip()


def code_named(field: str, text: str) -> str | None:
    """The code of the field's table whose name, or path of names, this is, if it is only one.

    A code may stand before its own name.

    >>> code_named("region_code", "浙江省 义乌市"), code_named("region_code", "朝阳区")
    ('330782', None)
    >>> code_named("industry_code", "C17 纺织业"), code_named("industry_code", "18 纺织业")
    ('17', None)
    """
    table = TABLES.get(field)
    found = _named(table).get(plain(text), ()) if table else ()
    return found[0] if len(found) == 1 else None


def nearest(field: str, text: str) -> list[tuple[str, str]]:
    """Code and whole name of those that the text names, or else shares most bigrams with.

    By Dice's coefficient (1945) of the two sets of bigrams.
    """
    if (table := TABLES.get(field)) is None:
        return []
    whole, text = _whole_names(table), plain(text)[:LONGEST]
    if found := _named(table).get(text):
        return [(code, whole[code]) for code in found[:NEAREST]]
    own, sizes = _bigrams(text), _sizes(table)
    shared = Counter(code for bigram in own for code in _having(table).get(bigram, ()))
    best = sorted(shared, key=lambda code: (-2 * shared[code] / (len(own) + sizes[code]), code))
    return [(code, whole[code]) for code in best[:NEAREST]]


@cache
def _named(table: str) -> Mapping[str, tuple[str, ...]]:
    """Name → all codes of that name."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for row in rows(table):
        code = row["code"]
        for name in _names(table, code):
            for written in (name, *(before + name for before in _written(table, code))):
                found[plain(written)][code] = None
        for written in _written(table, code):
            found[written][code] = None
    return {name: tuple(codes) for name, codes in found.items()}


def _written(table: str, code: str) -> set[str]:
    """The code; of an industry's also with the letter of its section, as GB/T 4754 has it: C17."""
    top = code
    while above := _by_code(table)[top].get("parent_code"):
        top = above
    return {code, top + code} if table == "industries" and top != code else {code}


def _names(table: str, code: str) -> Iterator[str]:
    """A name alone; of regions also with some or all of those above: 浙江省义乌市."""
    *above, name = _path(table, code)
    yield name
    for start in range(len(above)):
        yield "".join([*above[start:], name])
    if above:
        yield above[0] + name


def _path(table: str, code: str) -> list[str]:
    """The names from the top of the tree; only regions are called by them."""
    row = _by_code(table)[code]
    above = row.get("parent_code") if table == "regions" else None
    return [*(_path(table, above) if above else ()), row["name"]]


@cache
def _by_code(table: str) -> Mapping[str, dict[str, str]]:
    return {row["code"]: row for row in rows(table)}


@cache
def _whole_names(table: str) -> Mapping[str, str]:
    return {code: "".join(_path(table, code)) for code in _by_code(table)}


@cache
def _having(table: str) -> Mapping[str, list[str]]:
    """Bigram → the codes whose whole names hold it."""
    found: dict[str, list[str]] = defaultdict(list)
    for code, name in _whole_names(table).items():
        for bigram in _bigrams(plain(name)):
            found[bigram].append(code)
    return found


@cache
def _sizes(table: str) -> Mapping[str, int]:
    """Code → how many bigrams its whole name holds."""
    return Counter(code for codes in _having(table).values() for code in codes)


def likeness(one: str, other: str) -> float:
    """From 0 to 1: Dice's coefficient (1945) of the two sets of bigrams.

    >>> likeness("单位类型", "机构类型"), likeness("血型", "姓名")
    (0.3333333333333333, 0.0)
    """
    ours, theirs = _bigrams(one), _bigrams(other)
    return 2 * len(ours & theirs) / max(1, len(ours) + len(theirs))


def _bigrams(text: str) -> set[str]:
    return {text[n : n + 2] for n in range(len(text) - 1)}
