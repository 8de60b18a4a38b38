"""Experts, demands and graded judgments of a customer's own, in a folder of files.

experts.jsonl     expert_id, and of title, organization, directions, achievements (a text or a
                  list of them) what is known
demands.jsonl     demand_id, title, and description and field where they are known
qrels.tsv         demand_id, expert_id, grade from 0 (no) to 3 (could lead), under a heading
qrels_NAME.tsv    further judgments in the same form, kept apart under their name
title_pairs.jsonl demand and achievement (titles), level from 1 (nothing in common) to 4 (the same)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from app.demands.completeness import FORM_TEXT_LIMIT
from app.interface.language import Text
from app.interface.validation import field_errors
from app.operators import OperatorError

EXPERTS, DEMANDS, JUDGMENTS = "experts.jsonl", "demands.jsonl", "qrels.tsv"
PAIRS = "title_pairs.jsonl"
HEADING = "demand_id\texpert_id\tgrade"
JUDGED = "judged"
MAX_GRADE = 3
MATCHING_LEVEL = 3
LINE_LIMIT = 300  # characters of a direction
Identifier = Annotated[str, Field(min_length=1, max_length=200)]

Grades = Mapping[str, int]  # by expert
Judgments = Mapping[str, Grades]  # by demand


class ExpertCase(BaseModel):
    expert_id: Identifier
    organization: str = ""
    title: str = ""
    directions: str = ""
    achievements: str | list[str] = ""

    def as_row(self) -> dict[str, Any]:
        """A row for the import; cases may be anonymous, so the id stands for a name."""
        parts = [part.strip() for part in self.directions.replace(";", "；").split("；")]
        return {
            "external_id": self.expert_id,
            "name": f"专家{self.expert_id}",
            "organization": self.organization,
            "title": self.title,
            "research_directions": [part for part in parts if 0 < len(part) <= LINE_LIMIT],
            "introduction": "；".join(part for part in parts if len(part) > LINE_LIMIT),
            "achievements": [text for text in self._achievements if text],
        }

    @property
    def _achievements(self) -> list[str]:
        told = self.achievements
        return [told] if isinstance(told, str) else told


class DemandCase(BaseModel):
    demand_id: Identifier
    title: Annotated[str, Field(min_length=1)]
    description: str = ""
    field: str = ""

    def as_row(self) -> dict[str, Any]:
        """A row for the import; a description longer than the form's field goes on in the next."""
        return {
            "external_id": self.demand_id,
            "organization": f"评测企业{self.demand_id}",
            "title": self.title,
            "problem": self.description[:FORM_TEXT_LIMIT],
            "key_indicators": self.description[FORM_TEXT_LIMIT : 2 * FORM_TEXT_LIMIT],
        }


class TitlePair(BaseModel):
    """A demand's title and an achievement's, from 1 (nothing in common) to 4 (the same problem)."""

    demand: Annotated[str, Field(min_length=1)]
    achievement: Annotated[str, Field(min_length=1)]
    level: Annotated[int, Field(ge=1, le=4)]


CaseT = TypeVar("CaseT", ExpertCase, DemandCase, TitlePair)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """`judgments` by the name of their file: "judged" for qrels.tsv, else what follows qrels_."""

    experts: Sequence[ExpertCase]
    demands: Sequence[DemandCase]
    judgments: Mapping[str, Judgments]


class UnreadableCases(OperatorError):
    """A file is missing or a line of it is wrong; the message names both."""


def read_cases(folder: Path) -> Cases:
    """Raises UnreadableCases."""
    files = sorted(folder.glob("qrels*.tsv"))
    missing = [name for name in (EXPERTS, DEMANDS) if not (folder / name).exists()]
    if missing or not files:
        raise _lacking(folder, [*missing, *([] if files else [JUDGMENTS])])
    experts = _cases(folder / EXPERTS, ExpertCase, lambda case: case.expert_id)
    demands = _cases(folder / DEMANDS, DemandCase, lambda case: case.demand_id)
    judgments = {_name(path): _judgments(path, set(demands), set(experts)) for path in files}
    return Cases(
        experts=list(experts.values()), demands=list(demands.values()), judgments=judgments
    )


def read_pairs(folder: Path) -> list[TitlePair]:
    """Raises UnreadableCases."""
    found = [pair for _, pair in _read(folder / PAIRS, TitlePair)]
    if len({pair.level >= MATCHING_LEVEL for pair in found}) < 2:
        raise UnreadableCases(
            f"{PAIRS} 中没有可比较的等级", f"{PAIRS} holds no levels to tell apart"
        )
    return found


def _lacking(folder: Path, missing: Sequence[str]) -> UnreadableCases:
    return UnreadableCases(
        f"{folder} 中没有 {'、'.join(missing)}。"
        f"需要 {EXPERTS}（expert_id、title、organization、directions、achievements）、"
        f"{DEMANDS}（demand_id、title、description、field）"
        f"和 {JUDGMENTS}（demand_id、expert_id、grade 0 至 3，首行为表头）；"
        "可由 shuangku export-judgments 导出",
        f"{folder} lacks {', '.join(missing)}. "
        f"Needed are {EXPERTS} (expert_id, title, organization, directions, achievements), "
        f"{DEMANDS} (demand_id, title, description, field) "
        f"and {JUDGMENTS} (demand_id, expert_id, grade 0 to 3, under a heading); "
        "shuangku export-judgments writes them",
    )


def judgment_lines(grades: Mapping[tuple[str, str], int]) -> str:
    """The content of a file of judgments; grades by demand and expert."""
    rows = (f"{demand}\t{expert}\t{grade}\n" for (demand, expert), grade in grades.items())
    return f"{HEADING}\n{''.join(rows)}"


def _name(path: Path) -> str:
    return path.stem.removeprefix("qrels").removeprefix("_") or JUDGED


def _cases(path: Path, case: type[CaseT], key: Callable[[CaseT], str]) -> dict[str, CaseT]:
    found: dict[str, CaseT] = {}
    for number, read in _read(path, case):
        if key(read) in found:
            raise _wrong(path, number, f"{key(read)} 重复", f"{key(read)} comes twice")
        found[key(read)] = read
    return found


def _read(path: Path, case: type[CaseT]) -> Iterator[tuple[int, CaseT]]:
    for number, line in _lines(path):
        try:
            yield number, case.model_validate_json(line)
        except ValidationError as error:
            raise _wrong(path, number, *_fault(error)) from None


def _fault(error: ValidationError) -> Text:
    """The first one: its field and what is wrong with it."""
    first = error.errors(include_input=False, include_url=False)[0]
    [fault] = field_errors([{**first, "loc": ("query", *first["loc"])}])
    return Text(*(f"{fault.pointer} {message}".strip() for message in fault.message))


def _judgments(path: Path, demands: set[str], experts: set[str]) -> Judgments:
    grades: dict[str, dict[str, int]] = {}
    for number, line in _lines(path):
        if number == 1:
            continue  # the heading
        cells = line.split("\t")
        if len(cells) != 3:
            count = len(cells)
            raise _wrong(path, number, f"应有 3 列，实有 {count}", f"has {count} columns, not 3")
        demand, expert, grade = cells
        if demand not in demands or expert not in experts:
            zh = f"{demand} 或 {expert} 不在 {DEMANDS}、{EXPERTS} 中"
            raise _wrong(path, number, zh, f"{demand} or {expert} is not among the cases")
        if grade not in map(str, range(MAX_GRADE + 1)):
            zh = f"grade {grade} 不是 0 至 {MAX_GRADE}"
            raise _wrong(path, number, zh, f"the grade {grade} is none of 0 to {MAX_GRADE}")
        grades.setdefault(demand, {})[expert] = int(grade)
    if not grades:
        raise UnreadableCases(f"{path.name} 中没有评判", f"{path.name} holds no judgment")
    return grades


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, with their numbers from 1."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        name = type(error).__name__
        raise UnreadableCases(f"读不了 {path}（{name}）", f"cannot read {path} ({name})") from None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, line


def _wrong(path: Path, number: int, zh: str, en: str) -> UnreadableCases:
    where = f"{path.name}:{number}"
    return UnreadableCases(f"{where} 有误：{zh}", f"{where} is wrong: {en}")
