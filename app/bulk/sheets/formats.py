"""What a cell should look like, in words, with an example: told beforehand and with faults."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.bulk.kinds import ImportKind
from app.bulk.rows import EVIDENCE_COLUMNS
from app.bulk.sheets.cells import Shape, shape_of
from app.bulk.sheets.labels import labels
from app.interface.language import Text

MAX_WORDS = 50  # more are a table of codes, which has routes of its own


@dataclass(frozen=True, slots=True)
class Format:
    """`example` is a cell that is read."""

    text: Text
    example: str


TITLES = Format(Text("多项以分号或换行分隔", "parted by semicolons or new lines"), "")
FREE = Format(Text("", ""), "")
REGION = Format(
    Text(
        "6 位行政区划代码（GB/T 2260，见 GET /regions），或全称，如 义乌市、浙江省义乌市",
        "6 digits, a code of GB/T 2260 (GET /regions), or in spreadsheets its Chinese name",
    ),
    "330782",
)
INDUSTRY = Format(
    Text(
        "国民经济行业代码（GB/T 4754，见 GET /industries）：门类字母，或 2–3 位数字；"
        "也可填名称，如 纺织业",
        "a code of GB/T 4754: a letter, or 2 to 3 digits (GET /industries), or in spreadsheets"
        " its Chinese name",
    ),
    "17",
)
DISCIPLINE = Format(
    Text(
        "学科代码（GB/T 13745，见 GET /disciplines）：3、5 或 7 位数字；"
        "也可填名称，如 纺织科学技术",
        "a code of GB/T 13745: 3, 5 or 7 digits (GET /disciplines), or in spreadsheets its"
        " Chinese name",
    ),
    "540",
)
EMAIL = Format(Text("电子邮箱 名称@域名", "an e-mail address, name@domain"), "li@demo.invalid")
PHONE = Format(Text("不超过 40 字", "at most 40 characters"), "0579-85550100")

BY_FIELD: Mapping[str, Format] = {
    "unified_social_credit_code": Format(
        Text(
            "18 位数字与大写字母（不含 I、O、S、V、Z），末位为校验位",
            "18 digits and capitals but I, O, S, V and Z, the last one a check digit",
        ),
        "91330782MA2DEM013G",
    ),
    "region_code": REGION,
    "industry_code": INDUSTRY,
    "discipline": DISCIPLINE,
    "disciplines": DISCIPLINE,
    "country": Format(
        Text("中文国名，或两位大写字母（ISO 3166-1）", "two capitals (ISO 3166-1)"), "中国"
    ),
    "languages": Format(
        Text("语种名，如 中文、英语，或两位小写字母（ISO 639-1）", "two small letters (ISO 639-1)"),
        "中文",
    ),
    "orcid": Format(
        Text("16 位，四位一组，末位为校验位", "16 characters in groups of four"),
        "0000-0002-1825-0097",
    ),
    "email": EMAIL,
    "contact_email": EMAIL,
    "phone": PHONE,
    "contact_phone": PHONE,
    "currency": Format(Text("三位大写字母（ISO 4217）", "three capitals (ISO 4217)"), "CNY"),
    "elected_year": Format(Text("四位年份", "a year"), "2023"),
    **dict.fromkeys(EVIDENCE_COLUMNS, TITLES),
}
BY_SHAPE: Mapping[Shape, Format] = {
    Shape.TEXT: FREE,
    Shape.LIST: Format(
        Text(
            "多项以分号、逗号、顿号（、）或换行分隔",
            "parted by semicolons, commas, 、 or new lines",
        ),
        "",
    ),
    Shape.BOOL: Format(Text("是 或 否", "是 or 否 (yes or no)"), "否"),
    Shape.INT: Format(Text("整数", "a whole number"), "12"),
    Shape.DATE: Format(
        Text(
            "日期，如 2026-03-01、2026/3/1、2026年3月1日；"
            "只写年月（2026年3月）时，开始按首日、结束按末日",
            "a date, YYYY-MM-DD; of a month alone the first day, or the last where a period ends",
        ),
        "2026-12-31",
    ),
    Shape.AMOUNT: Format(
        Text(
            "金额；不写单位按万元，也可写“50万元”“500000元”“0.5亿元”；面议则留空",
            "an amount; without a unit in 10,000 yuan (万元), or as 50万元, 500000元, 0.5亿元;"
            " empty where it is open (面议)",
        ),
        "50",
    ),
}


def format_of(kind: ImportKind, field: str) -> Format:
    """How a cell of the field is to be written; empty where it is free text."""
    shape = shape_of(kind, field)
    known = BY_FIELD.get(field)
    if known is None and (chosen := words(kind, field)):
        choices = _choices(kind, field)
        known = Format(
            Text(f"可填：{'、'.join(choices.values())}", f"one of {', '.join(choices)}"), chosen[0]
        )
    if known is None:
        return BY_SHAPE[shape]
    if shape is Shape.LIST and known is not TITLES:
        many = BY_SHAPE[Shape.LIST].text
        return Format(
            Text(f"{known.text.zh}；{many.zh}", f"{known.text.en}; {many.en}"), known.example
        )
    return known


def words(kind: ImportKind, field: str) -> list[str]:
    """What a cell may say; empty where it is free, or where the words are too many to tell."""
    known = list(labels(kind).get(field, ()))
    return known if len(known) <= MAX_WORDS else []


def _choices(kind: ImportKind, field: str) -> dict[str, str]:
    """Code → the first of the names that stand for it: the others are no further choices."""
    names = dict[str, str]()
    for name, code in labels(kind)[field].items():
        names.setdefault(code, name)
    return names
