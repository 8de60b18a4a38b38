"""Judged cases as verdicts, and whole pools ranked by what is learned from the others."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from app.evaluation import studies
from app.evaluation.cases import JUDGED, Cases, read_cases
from app.evaluation.configurations import configuration
from app.evaluation.learning import as_verdicts, learned, ndcg_of_pools
from app.evaluation.ranking import Bench, Ranked
from matching import DEFAULT_WEIGHTS, Ranker, default_calibration
from matching.evaluation import ndcg
from tests.app.evaluation.folders import written

USED = Ranker(weights=DEFAULT_WEIGHTS, calibration=default_calibration("none"))


def cases_of(folder: Path) -> Cases:
    return read_cases(written(folder, [("D1", "E1", 3), ("D1", "E2", 1), ("D2", "E2", 2)]))


def test_judged_cases_stand_for_verdicts(tmp_path: Path) -> None:
    cases = cases_of(tmp_path)
    judgments = cases.judgments[JUDGED]
    rankings = Bench(cases).rank(configuration("without-encoder"))
    judged = as_verdicts(rankings, judgments)
    found = zip(judged.demands.tolist(), judged.grades.tolist(), strict=True)
    assert sorted(found) == [(0, 0), (0, 3), (1, 2)]
    before, after = ndcg_of_pools(rankings, judgments, judged, USED)
    ranked = {d: [one.candidate_id for one in rankings[d]] for d in ("D1", "D2")}
    assert before == [ndcg(ranked[d], judgments[d]) for d in ("D1", "D2")]
    assert len(after) == 2


def test_what_topics_alone_tell_is_learned_and_helps_demands_not_seen() -> None:
    """Of forty demands: whoever is suitable has the topic, and somebody else the words."""
    told = {
        "good": {"lexical": 0.10, "topic": 0.9, "passage": 0.5, "hubness": 0.5},
        "wordy": {"lexical": 0.35, "topic": 0.1, "passage": 0.5, "hubness": 0.5},
        "other": {"lexical": 0.05, "topic": 0.0, "passage": 0.4, "hubness": 0.5},
    }
    ranking = [Ranked(candidate_id=name, features=features) for name, features in told.items()]
    names = [f"D{number:02d}" for number in range(40)]
    judgments = {name: {"good": 3, "wordy": 0, "other": 0} for name in names}
    found = learned(dict.fromkeys(names, ranking), judgments, USED)
    assert found.of_pools_before.mean == pytest.approx(0.63, abs=0.01)
    assert found.of_pools.mean == 1.0
    assert found.gain_of_pools.low is not None
    assert found.gain_of_pools.low > 0
    assert found.trial.learned.ndcg_at_10.mean == 1.0
    assert found.weights.topic > found.weights.lexical * 0.25 / 0.8


def test_the_study_tells_both(tmp_path: Path) -> None:
    demands = [json.dumps({"demand_id": f"D{n}", "title": f"锦纶染整{n}"}) for n in range(6)]
    written(tmp_path, [(f"D{n}", e, g) for n in range(6) for e, g in (("E1", 3), ("E4", 0))])
    (tmp_path / "demands.jsonl").write_text("\n".join(demands), encoding="utf-8")
    said = io.StringIO()
    told = json.loads(studies.learning(tmp_path, "encoder=none", Console(file=said, width=200)))
    assert told["trial"]["demands"] == 6
    assert told["of_pools"]["mean"] == 1.0
    assert "全库 · whole pool" in said.getvalue()
