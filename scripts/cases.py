"""Demands, experts and graded judgments in files, outside the project.

A folder holds experts.jsonl, demands.jsonl, qrels.tsv and qrels_docking.tsv.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Grades = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """Rows as they stand in the files, and grades by demand and expert."""

    experts: list[dict[str, str]]
    demands: list[dict[str, str]]
    judged: Grades
    docking: Grades


def read_cases(folder: Path) -> Cases:
    """Read the four files; FileNotFoundError names the one that is missing."""
    return Cases(
        experts=_lines(folder / "experts.jsonl"),
        demands=_lines(folder / "demands.jsonl"),
        judged=_grades(folder / "qrels.tsv"),
        docking=_grades(folder / "qrels_docking.tsv"),
    )


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _grades(path: Path) -> Grades:
    grades: dict[str, dict[str, int]] = {}
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        demand, expert, grade = line.split("\t")
        grades.setdefault(demand, {})[expert] = int(grade)
    return grades
