"""Full-text search that finds two-character Chinese words: lexemes are character 1- and 2-grams.

PostgreSQL has no Chinese parser among its contrib extensions, so the lexemes are made here
and stored with `array_to_tsvector`; every query asks for the same grams of the sought text.
"""

import re
from collections.abc import Iterable
from itertools import accumulate

from sqlalchemy import ColumnElement, Function, cast, false, func
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, TSVECTOR
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import Text as TextType

from matching.text import normalise

SearchVector = Function[str]
MAX_LEXEME = 60
MAX_BYTES = 1_000_000  # of a record's lexemes; PostgreSQL takes 1,048,575
# Kana stands with the ideographs: neither puts spaces between words.
_RUNS = re.compile(
    r"([\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]+)"
    r"|([a-z0-9\u00b5-\u024f\u0370-\u052f][a-z0-9\u00b5-\u024f\u0370-\u052f.+#-]*)"
)


def lexemes(text: str) -> set[str]:
    """The 1- and 2-grams of each Chinese run and the whole words of the rest, lower case.

    >>> sorted(lexemes("LED灯具"))
    ['led', '具', '灯', '灯具']
    """
    found: set[str] = set()
    for han, word in _RUNS.findall(normalise(text)):
        found.update(han)
        found.update(han[i : i + 2] for i in range(len(han) - 1))
        if word:
            found.add(word.rstrip(".-")[:MAX_LEXEME])
    return found


def pinyin(name: str) -> str:
    """A name's syllables joined, as people type and sort it: 张三 → zhangsan, 曾明 → zengming."""
    return "".join(_syllables(name))


def _syllables(name: str) -> list[str]:
    """The name's reading; pypinyin reads some surnames as common words."""
    plain = normalise(name)
    surname = SURNAME_READINGS.get(plain[:1])
    return [surname, *_read(plain[1:])] if surname else _read(plain)


def _read(text: str) -> list[str]:
    """Imported here: its dictionaries take a quarter of a second, and most starts need none."""
    from pypinyin import lazy_pinyin

    return lazy_pinyin(text)


def name_lexemes(name: str) -> set[str]:
    """Ways to type a name: its grams, its pinyin and initials, with both readings of a surname."""
    found = lexemes(name)
    for syllables in (_syllables(name), _read(normalise(name))):
        found |= lexemes("".join(syllables))
        found |= lexemes("".join(syllable[:1] for syllable in syllables))
    return found


SURNAME_READINGS = {
    "单": "shan",
    "仇": "qiu",
    "曾": "zeng",
    "查": "zha",
    "区": "ou",
    "解": "xie",
    "盖": "ge",
    "朴": "piao",
    "翟": "zhai",
    "覃": "qin",
    "缪": "miao",
    "乐": "yue",
    "员": "yun",
    "召": "shao",
    "种": "chong",
    "折": "she",
    "黑": "he",
    "繁": "po",
    "秘": "bi",
    "句": "gou",
    "隗": "wei",
}


def search_vector(texts: Iterable[str], *, names: Iterable[str] = ()) -> SearchVector:
    """The SQL value of a record's `search` column."""
    found: set[str] = set()
    for text in texts:
        found |= lexemes(text)
    for name in names:
        found |= name_lexemes(name)
    return func.array_to_tsvector(cast(_bounded(found), ARRAY(TextType)), type_=TSVECTOR)


def _bounded(found: set[str]) -> list[str]:
    """In order, without the last ones of a record that holds more than PostgreSQL takes."""
    terms = sorted(found)
    sizes = accumulate(len(term.encode()) for term in terms)
    return [term for term, size in zip(terms, sizes, strict=True) if size <= MAX_BYTES]


def matches_text(column: InstrumentedAttribute[str], text: str) -> ColumnElement[bool]:
    """Records that hold every gram of `text`; its Latin words may be unfinished."""
    terms = [_quoted(term) for term in sorted(_longest(lexemes(text)))]
    if not terms:
        return false()
    return column.op("@@")(cast(" & ".join(terms), TSQUERY))


def _longest(terms: set[str]) -> set[str]:
    """Without the single characters that a pair among them implies."""
    implied = {character for term in terms if len(term) == 2 for character in term}
    return {term for term in terms if not _is_han(term) or len(term) == 2 or term not in implied}


def _is_han(term: str) -> bool:
    found = _RUNS.match(term)
    return found is not None and found[1] is not None


def _quoted(term: str) -> str:
    literal = "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"
    return literal if _is_han(term) else literal + ":*"
