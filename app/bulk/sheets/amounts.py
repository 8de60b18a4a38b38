"""What people write as an amount of money, in 万元 (10,000 yuan)."""

import re
from dataclasses import dataclass
from decimal import Decimal

from app.demands.schemas import without_trailing_zeros

AMOUNT = re.compile(
    r"(?:人民币|RMB|CNY|¥|￥)?\s*(\d[\d,，]{0,30}(?:\.\d{1,30})?)\s*(亿元|亿|万元|万|千元|元|圆)?(?:人民币)?",
    re.IGNORECASE,
)
IN_WAN = {
    "亿元": Decimal(10_000),
    "亿": Decimal(10_000),
    "万元": Decimal(1),
    "万": Decimal(1),
    "千元": Decimal("0.1"),
    "元": Decimal("0.0001"),
    "圆": Decimal("0.0001"),
}
# Nothing is stated: the sum is to be agreed upon.
OPEN = frozenset({"面议", "另议", "待定", "待议", "协商", "协商确定", "双方协商"})
LONGEST_RANGE = 60  # characters: looking for one takes their square
RANGE = re.compile(r"[^\d]{0,5}\d[\d,，.]*\s*[万亿千]?[元圆]?\s*(?:[-－–—~～至到]|--)\s*\d.*")
UNIT = re.compile(r"\(万元?\)")
# More 万元 than that, a hundred million yuan, were probably meant as yuan.
DOUBTFUL = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Amount:
    """`text` is a number of 万元."""

    text: str
    has_unit: bool

    @property
    def is_doubtful(self) -> bool:
        return not self.has_unit and Decimal(self.text) >= DOUBTFUL


def amount(text: str) -> Amount | None:
    """The amount, in 万元 where no unit stands beside it; None for what is none.

    >>> amount("500000元"), amount("50 万"), amount("面议")
    (Amount(text='50', has_unit=True), Amount(text='50', has_unit=True), None)
    """
    found = AMOUNT.fullmatch(text.strip())
    if found is None:
        return None
    number, unit = found.groups()
    value = Decimal(re.sub("[,，]", "", number)) * IN_WAN.get(unit or "万元", Decimal(1))
    return Amount(f"{without_trailing_zeros(value):f}", has_unit=unit is not None)


def is_open(text: str) -> bool:
    """Whether the amount is left to be agreed upon, which states as little as an empty cell."""
    return text.strip() in OPEN


def is_range(text: str) -> bool:
    """Two amounts, of which a field holds one.

    >>> is_range("50-80万"), is_range("50万元至80万元"), is_range("-5")
    (True, True, False)
    """
    return len(text) <= LONGEST_RANGE and RANGE.fullmatch(text.strip()) is not None


def names_unit(heading: str) -> bool:
    """Whether the heading of a column says in what its amounts are."""
    return UNIT.search(heading.replace("（", "(").replace("）", ")")) is not None
