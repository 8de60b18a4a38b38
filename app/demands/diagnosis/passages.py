"""Passages of a demand that leave something open, and the question that each of them leaves."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from app.interface.language import Text

READ = ("title", "problem", "key_indicators", "expected_outcome")
MOST_REMARKS = 30
SHORTEST_SENTENCE = 8

_UNITS = (
    "%|％|‰|℃|°|级|倍|吨|公斤|千克|毫克|克|厘米|毫米|微米|纳米|米|小时|分钟|秒|天|次|度|元|万元|兆帕|帕"
    "|千瓦|瓦|伏|安|赫兹|转|目|毫升|升|平方|立方"
    "|[kMGmcdnuµμ]?(?:m|g|s|h|A|V|W|N|J|L|l|K|F|Hz|Pa|eV|Wh|Ah|dB|mol)(?:[/·²³23]|(?![A-Za-z]))"
    "|(?:min|ppm|ppb|rpm|bar|HRC|HV|Ω|lm|cm)(?![A-Za-z])"
)
_COMPARISON = "[≥≤><＞＜±]|不(?:低|高|大|小|少|多)于|不超过|大于|小于|高于|低于|达到?"
VALUE = re.compile(rf"(?<![\d.])\d[\d.]{{0,19}}\s{{0,3}}(?:{_UNITS})|(?:{_COMPARISON})\s{{0,3}}\d")

_CLAUSE = re.compile(r"[^，,；;。！？!?\n]+")
_SENTENCE = re.compile(r"[^；;。！？!?\n]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """The characters `start` up to `end` of a field, and what to ask of them."""

    code: str
    field: str
    start: int
    end: int
    question: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Words that promise a quality, what stands in a clause that gives its value, and how so."""

    words: re.Pattern[str]
    measured: re.Pattern[str]
    example: Text


def _quality(words: str, measured: str, zh: str, en: str) -> Quality:
    return Quality(words=re.compile(words), measured=re.compile(measured), example=Text(zh, en))


QUALITIES = (
    _quality("耐高?热|耐高温|抗热震|耐火度", "温|热|℃", "工作温度（℃）与时间", "°C and time"),
    _quality("耐低温|耐寒|抗冻", "温|寒|冻|℃", "工作温度（℃）与时间", "°C and time"),
    _quality("耐磨", "磨", "磨耗量（如 g/1000 转）", "wear, such as g per 1000 turns"),
    _quality("耐腐蚀|耐蚀|防腐|耐酸|耐碱", "蚀|腐|酸|碱|盐雾", "介质与时间（h）", "medium, hours"),
    _quality("高强|强度高", "强度|[MG]Pa", "强度（MPa）", "strength in MPa"),
    _quality("高韧|韧性[好高强]", "韧", "冲击韧性（J/cm²）", "toughness in J/cm²"),
    _quality("高硬度|硬度高", "硬度|HRC|HV", "硬度（HRC、HV）", "hardness in HRC or HV"),
    _quality("高精度|精度高|高精密", "精度|误差|公差|[µμ]m", "误差（如 ±0.01 mm）", "the error"),
    _quality("高纯|纯度高", "纯|杂质", "纯度（%）或杂质（ppm）", "purity in %, ppm"),
    _quality("高效|效率高", "效|率|时间|产量", "效率（%）或产量", "efficiency in %, output"),
    _quality("低成本|成本低|降低成本|降本", "成本|价|元", "每件成本（元）", "cost a piece"),
    _quality("低功耗|低能耗|节能", "能|功耗|W|电", "能耗（如 kWh/t、W）", "energy, as kWh/t or W"),
    _quality("长寿命|寿命长|耐久", "寿命|小时|次|年", "寿命（小时、次）", "hours or cycles"),
    _quality("轻量|轻质", "重|密度|kg|克", "重量（kg）或密度", "weight or density"),
    _quality("快速|高速|速度快", "速|时间|秒|分钟|min|转", "速度或时间（秒）", "speed or seconds"),
    _quality(
        "[高强]稳定|稳定性[好高强]|高可靠|可靠性[好高强]", "稳定|可靠|波动|故障", "波动（%）", "±%"
    ),
    _quality(
        "抗菌|阻燃|防水|透气|抗静电|色牢度", "菌|燃|水|气|静电|牢度", "标准与等级", "the standard"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vagueness:
    """Words that say little wherever they stand; `unless_valued`: but in a clause with a value."""

    code: str
    words: re.Pattern[str]
    question: Text
    unless_valued: bool = False


VAGUENESS = (
    Vagueness(
        code="boilerplate",
        words=re.compile(
            r"随着[^，,。；;\n]{0,30}(?:发展|进步|提高|普及|推进)|市场前景(?:十分|非常)?(?:广阔|良好)"
            r"|前景广阔|意义(?:重大|深远)|(?:经济|社会)效益(?:和|与|及)(?:经济|社会)效益"
            r"|具有重要的?(?:现实|战略)?意义|with the (?:rapid )?development of",
            re.IGNORECASE,
        ),
        question=Text(
            "这是背景套话：要解决的技术问题是什么？", "This is background: which problem is meant?"
        ),
    ),
    Vagueness(
        code="comparison",
        words=re.compile(
            r"(?:国内外?|国际|世界|行业|同行)(?:领先|先进|一流)(?:水平)?|填补(?:国内外?|行业)?空白"
            r"|world[- ]class|state[- ]of[- ]the[- ]art|leading level",
            re.IGNORECASE,
        ),
        question=Text(
            "与谁相比、比哪项指标、数值是多少？", "Compared with whom, by which measure, how much?"
        ),
        unless_valued=True,
    ),
    Vagueness(
        code="degree",
        words=re.compile(r"大幅度?|显著|明显|尽可能|尽量|一定程度上?|significantly", re.IGNORECASE),
        question=Text("从多少到多少？请给出数值与单位", "From what to what? Give values and units"),
        unless_valued=True,
    ),
    Vagueness(
        code="open_list",
        words=re.compile(r"等等?(?=[，,；;。\n]|方面|问题|要求|$)|\betc\b", re.IGNORECASE),
        question=Text("“等”还包括哪些？请逐项列出", "What else? Name each of them"),
    ),
)
NO_VALUE = Text("请给出可检验的数值与单位", "Give values with units that can be tested")
UNVALUED = Text(
    "{word}：请给出数值与单位，如{example}", "{word}: give a value with its unit, such as {example}"
)
NO_TERM = Text(
    "这句没有技术术语：是哪种材料、工艺、设备或参数？",
    "No technical term here: which material, process, device or parameter is meant?",
)


def missing_indicators(texts: Mapping[str, str]) -> list[Remark]:
    """Indicators without any value, and each quality that is promised and nowhere measured."""
    whole = [
        Remark(code="no_value", field=field, start=0, end=len(texts[field]), question=NO_VALUE)
        for field in ("key_indicators", "expected_outcome")
        if texts[field] and not VALUE.search(texts[field])
    ]
    return (whole + list(_unvalued(texts)))[:MOST_REMARKS]


def vague_passages(texts: Mapping[str, str], terms: Iterable[str]) -> list[Remark]:
    """Words that say little, and sentences below the title without any of the terms or a value."""
    known = [term.lower() for term in terms]
    found = [
        remark
        for field in READ
        for remark in (*_vague_words(field, texts[field]), *_bare(field, texts[field], known))
    ]
    return found[:MOST_REMARKS]


def _unvalued(texts: Mapping[str, str]) -> Iterator[Remark]:
    clauses = [c for text in texts.values() for c in _CLAUSE.findall(text) if re.search(r"\d", c)]
    for quality in QUALITIES:
        if any(quality.measured.search(clause) for clause in clauses):
            continue
        for field in READ:
            if found := quality.words.search(texts[field]):
                zh, en = quality.example
                question = Text(
                    UNVALUED.zh.format(word=found[0], example=zh),
                    UNVALUED.en.format(word=found[0], example=en),
                )
                yield _remark("quality_without_value", field, found, question)
                break


def _vague_words(field: str, text: str) -> Iterator[Remark]:
    for clause in _CLAUSE.finditer(text):
        is_valued = VALUE.search(clause[0]) is not None
        for vague in VAGUENESS:
            if vague.unless_valued and is_valued:
                continue
            for found in vague.words.finditer(text, clause.start(), clause.end()):
                yield _remark(vague.code, field, found, vague.question)


def _bare(field: str, text: str, terms: Iterable[str]) -> Iterator[Remark]:
    if field == "title":
        return
    for sentence in _SENTENCE.finditer(text):
        said = sentence[0].strip().lower()
        is_long = len(said) >= SHORTEST_SENTENCE
        if is_long and not VALUE.search(said) and not any(term in said for term in terms):
            yield _remark("no_technical_term", field, sentence, NO_TERM)


def _remark(code: str, field: str, found: re.Match[str], question: Text) -> Remark:
    return Remark(code=code, field=field, start=found.start(), end=found.end(), question=question)
