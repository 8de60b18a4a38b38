"""The measures of common problems, on similarities that are made up."""

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.evaluate_problems import (
    Demands,
    compare,
    groups_by,
    linkages,
    main,
    precision_and_recall,
    read,
)


def lines(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def test_what_is_missing_is_told_and_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(tmp_path)
    told = capsys.readouterr()
    assert json.loads(told.out) == {"skipped": str(tmp_path / "demands.jsonl")}
    assert "skipped" in told.err


def test_titles_of_other_pairs_join_the_pool(tmp_path: Path) -> None:
    lines(tmp_path / "demands.jsonl", [{"demand_id": "1", "title": "甲", "description": "详"}])
    lines(tmp_path / "title_pairs.jsonl", [{"demand": "乙", "achievement": "丙", "level": 1}])
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("title\ttitle\tgrade\n乙\t甲\t3\n", encoding="utf-8")
    demands = read(tmp_path, pairs)
    assert (demands.titles, demands.descriptions) == (["甲", "乙"], ["详", ""])
    assert demands.grades == {(0, 1): 3}


def test_precision_counts_what_nobody_judged_as_wrong() -> None:
    is_found, relevant = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert precision_and_recall(is_found, relevant) == [0.5, 0.5, 2]


def test_a_way_that_tells_right_is_told_from_one_that_does_not() -> None:
    demands = Demands(
        titles=[str(n) for n in range(10)],
        descriptions=[""] * 10,
        grades={(n, n + 5): 3 for n in range(5)},
    )
    right, wrong = np.full((10, 10), 0.2), np.full((10, 10), 0.2)
    for n in range(5):
        right[n, n + 5] = right[n + 5, n] = 0.8
        wrong[n, (n + 1) % 5] = 0.8
    found = compare({"right": right, "wrong": wrong}, demands)
    assert found["right"]["average_precision"] == found["right"]["cv_precision"] == 1
    assert found["right"]["cv_recall"] == 1
    assert found["wrong"]["average_precision"] < 0.2


def test_single_linkage_chains_and_the_others_do_not() -> None:
    similarity = np.eye(3)
    for (one, two), value in {(0, 1): 0.9, (1, 2): 0.8, (0, 2): 0.0}.items():
        similarity[one, two] = similarity[two, one] = value
    assert groups_by("single", similarity, 0.5) == [frozenset({0, 1, 2})]
    for method in ("complete", "average"):
        assert groups_by(method, similarity, 0.5) == [frozenset({0, 1})]
    demands = Demands(titles=["a", "b", "c"], descriptions=[""] * 3, grades={(0, 1): 3})
    found = linkages(similarity, demands)
    assert found["complete ≥ 0.50"]["precision"] == 1
    assert found["single ≥ 0.50"]["precision"] == pytest.approx(1 / 3)
