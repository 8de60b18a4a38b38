"""How a proposal says what it is about and why, until a coordinator says it better."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from app.interface.language import Text
from app.problems.grouping import Pair
from app.problems.models import Origin

TITLE_LIMIT = 300
TITLE_TERMS, SHOWN_TERMS = 3, 8
LONGEST_TERM = 60  # characters: a title has room for three


def shared_terms(pairs: Iterable[Pair]) -> list[str]:
    """The words that most of the pairs share, without those inside of one that stands before.

    >>> one = Pair(first="a", second="b", similarity=1, terms=("热黄变", "锦纶"))
    >>> shared_terms([one, Pair(first="a", second="c", similarity=1, terms=("锦纶", "黄变"))])
    ['锦纶', '热黄变']
    """
    shared = (term for pair in pairs for term in pair.terms)
    counts = Counter(term for term in shared if len(term) <= LONGEST_TERM)
    chosen: list[str] = []
    for term in sorted(counts, key=lambda term: (-counts[term], -len(term), term)):
        if not any(term.lower() in known.lower() for known in chosen):
            chosen.append(term)
    return chosen[:SHOWN_TERMS]


def title_of(central: str, terms: Sequence[str]) -> str:
    """The title of the most central demand, and what the others share that it does not say.

    >>> title_of("浅色锦纶袜黄变控制", ["锦纶", "热定型"])
    '浅色锦纶袜黄变控制（热定型）'
    """
    more = [term for term in terms if term.lower() not in central.lower()][:TITLE_TERMS]
    told = f"（{'、'.join(more)}）" if more else ""
    return f"{central[: TITLE_LIMIT - len(told)]}{told}"


def statement_of(demands: int, enterprises: int, terms: Sequence[str]) -> str:
    """Whose problem it is and what it is about, in one sentence."""
    about = f"，都涉及{_quoted(terms)}" if terms else ""
    return f"{enterprises} 家企业提出 {demands} 条相近的技术需求{about}。"


def reason_of(
    origin: Origin, similarity: float | None, terms: Collection[str], nearest: str | None
) -> Text:
    """Why a demand is in its group; nearest: the title of the one most like it."""
    if origin is Origin.ADDED:
        return Text("由协调员加入", "Added by a coordinator")
    if similarity is None:
        return Text("成员有变，待重新比对", "To be compared again, since the members have changed")
    zh, en = f"与其他需求的平均相似度 {similarity:.2f}", f"Mean similarity {similarity:.2f}"
    if nearest is not None:
        zh, en = f"{zh}；与“{nearest}”最相近", f"{en}; closest to “{nearest}”"
        if terms:
            zh = f"{zh}，都提到{_quoted(terms)}"
            en = f"{en}, both speak of {', '.join(terms)}"
        else:
            zh, en = f"{zh}，意思相近而用词不同", f"{en}, by meaning, in other words"
    return Text(zh, en)


def _quoted(terms: Iterable[str]) -> str:
    return "、".join(f"“{term}”" for term in terms)
