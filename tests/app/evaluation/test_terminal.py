"""`shuangku evaluate` on made-up cases, and on the real ones where they are."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from app.evaluation.cases import read_cases
from app.evaluation.configurations import NAMED, UnknownSetting, configuration
from app.evaluation.ranking import Bench
from app.evaluation.terminal import evaluate
from matching import Weights
from tests.app.evaluation.folders import real, written


def test_two_configurations_are_compared(tmp_path: Path) -> None:
    said = io.StringIO()
    told = evaluate(written(tmp_path), "without-encoder", "bigrams", Console(file=said, width=200))
    found = json.loads(told)
    assert (found["configuration"], found["against"]) == ("without-encoder", "bigrams")
    judged = found["judgments"]["judged"]
    assert judged["measures"]["mrr"]["ours"]["mean"] == 1.0
    assert judged["measures"]["mrr"]["demands"] == 2
    assert {one["demand_id"] for one in judged["worst"]} == {"D1", "D2"}
    assert judged["measures"]["mrr"]["ours"]["low"] is None
    assert "1.000 [" not in said.getvalue()
    assert "评判的需求不足 5 条" in said.getvalue()
    assert "fewer than 5 demands" in said.getvalue()
    assert "nDCG@10" in said.getvalue()
    assert "浅色锦纶袜热定型黄变" in said.getvalue()


@pytest.mark.parametrize("name", [name for name in NAMED if "bigrams" not in name])
def test_every_named_configuration_ranks_everybody(tmp_path: Path, name: str) -> None:
    own = configuration(f"{NAMED[name]} encoder=none")
    ranked = Bench(read_cases(written(tmp_path))).rank(own)
    assert {d: len(found) for d, found in ranked.items()} == {"D1": 4, "D2": 4}


def test_settings_are_read() -> None:
    found = configuration("encoder=none lexical=2.5 decay=0.3")
    assert found.encoder == "none"
    assert found.weights == Weights(lexical=2.5, decay=0.3)
    assert configuration("lexical").weights == Weights(topic=0.0, passage=0.0, hubness=0.0)
    assert configuration("").name == "default"


@pytest.mark.parametrize("text", ["best", "encoder=gpu", "lexical=much", "decay=2", "lexical"[:3]])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(UnknownSetting) as refused:
        configuration(text)
    for told in refused.value.text:
        assert text in told
        assert "encoder=local|none" in told


@pytest.mark.skipif(
    real() is None, reason="the real cases are not part of the project: set SHUANGKU_CASES to them"
)
def test_without_an_encoder_we_stay_above_bigrams_on_real_cases() -> None:
    folder = real()
    assert folder is not None
    console = Console(file=io.StringIO())
    found = json.loads(evaluate(folder, "without-encoder", "bigrams", console))["judgments"]
    ndcg = found["judged"]["measures"]["ndcg_at_10"]
    assert ndcg["ours"]["mean"] >= 0.53
    assert ndcg["difference"]["mean"] > 0
    assert found["docking"]["measures"]["recall_at_10"]["ours"]["mean"] >= 17 / 21
