"""What each step brings, weights on unseen demands, pairs of titles."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from app.evaluation import studies
from app.evaluation.cases import TitlePair, UnreadableCases, read_cases, read_pairs
from app.evaluation.configurations import configuration
from app.evaluation.figures import hub_share
from app.evaluation.nested import choose, nested
from app.evaluation.pairs import Agreement, agreements
from app.evaluation.ranking import Bench, Ranked
from app.evaluation.teams import teams_of
from app.evaluation.views import VIEWS, scores, technical_terms
from matching import MatchIndex, Query, Steps, Weights
from matching.weights import FEATURES
from tests.app.evaluation.folders import written
from tests.matching.pools import CharacterEncoder, experts

WITHOUT = "encoder=none "


def test_every_step_is_left_out_once(tmp_path: Path) -> None:
    said = io.StringIO()
    told = json.loads(studies.ablation(written(tmp_path), Console(file=said, width=200)))
    assert told["default"]["judged ndcg_at_10"] == 1.0
    assert set(told["without"]) == {line for lines in studies.ABLATIONS.values() for line in lines}
    assert told["without"]["lexical=0"]["judged"]["demands"] == 2
    assert "view=words" in said.getvalue()


@pytest.mark.parametrize(
    "words",
    [
        "centring=off",
        "damping=off",
        "title=off",
        "evidence=off",
        "honours=off",
        "script=traditional",
    ],
)
def test_a_step_left_out_still_finds_whom_it_is_about(tmp_path: Path, words: str) -> None:
    bench = Bench(read_cases(written(tmp_path)))
    found = bench.rank(configuration(WITHOUT + words))
    assert {demand: ranked[0].candidate_id for demand, ranked in found.items()} == {
        "D1": "E1",
        "D2": "E2",
    }


def test_what_is_left_out_counts_no_more(tmp_path: Path) -> None:
    bench = Bench(read_cases(written(tmp_path)))
    whole, titles = (bench.rank(configuration(WITHOUT + w)) for w in ("", "description=off"))
    assert [_scores(whole[d]) == pytest.approx(_scores(titles[d])) for d in ("D1", "D2")] == [
        False,
        True,  # which has no description
    ]
    assert configuration("hubs=off damping=off").steps == Steps(hubs=False, damping=False)


def _scores(ranking: list[Ranked] | object) -> list[float]:
    assert isinstance(ranking, list)
    by_id = sorted(ranking, key=lambda one: one.candidate_id)
    return [sum(one.contributions.values()) for one in by_id]


def test_script_and_width_make_no_difference(tmp_path: Path) -> None:
    bench = Bench(read_cases(written(tmp_path)))
    plain, foreign = (bench.rank(configuration(WITHOUT + w)) for w in ("", "script=traditional"))
    for demand, ranking in plain.items():
        assert _scores(foreign[demand]) == pytest.approx(_scores(ranking), abs=1e-3)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_finds_the_text_with_the_same_words(view: str) -> None:
    documents = ["耐火材料；高温窑炉 LED", "茶叶加工；茶园害虫", ""]
    terms = technical_terms(documents)
    assert {"耐火材料", "高温窑炉", "茶叶加工", "茶园害虫"} <= terms | {"高温窑炉"}
    found = scores(VIEWS[view], documents, ["耐火材料窑炉 led", "茶园害虫"], terms)
    assert found.shape == (2, 3)
    assert found.argmax(axis=1).tolist() == [0, 1]
    assert found[:, 2].tolist() == [0, 0]


def test_weights_are_found_where_one_feature_tells() -> None:
    """Of twelve demands the topic tells who is right, and the words mislead."""
    rankings, judgments = {}, {}
    random = np.random.default_rng(0)
    for number in range(12):
        values = random.normal(size=(30, 4))
        right = values[:, 1].argsort()[-3:]
        rankings[f"D{number}"] = [
            Ranked(candidate_id=f"E{n:02}", features=dict(zip(FEATURES, row, strict=True)))
            for n, row in enumerate(values.tolist())
        ]
        judgments[f"D{number}"] = {f"E{n:02}": 3 for n in right.tolist()}
    found = nested(rankings, judgments, Weights())
    assert found.weights["topic"][0] > 1  # more than by default
    assert found.weights["lexical"][0] < 4
    assert 0 <= found.measures["ndcg_at_10"].mean <= 1


def test_the_best_tenth_is_averaged() -> None:
    grid = [Weights(lexical=n, topic=2 * n, passage=1, hubness=n / 2) for n in range(20)]
    best = choose(grid, -np.abs(np.arange(20) - 7.4))
    assert best == Weights(lexical=7.5, topic=15, passage=1, hubness=3.75)
    assert choose(grid[:3], np.array([0.0, 1.0, 0.0])) == grid[1]


@pytest.mark.parametrize("settings", ["", "topic=0 hubness=0", "view=words"])
def test_nested_validation_tells_figures_and_weights(tmp_path: Path, settings: str) -> None:
    said = io.StringIO()
    configured = f"encoder=none {settings}"
    told = studies.nested_validation(written(tmp_path), configured, Console(file=said))
    found = json.loads(told)
    assert found["measures"]["mrr"]["mean"] == 1.0
    assert set(found["weights"]) == set(FEATURES)


def test_the_share_of_hubs() -> None:
    rankings = {
        f"D{d}": [Ranked(candidate_id=f"E{(d * n) % 40}") for n in range(12)] for d in (1, 2)
    }
    assert hub_share(rankings) == 1.0
    assert hub_share({}) == 0.0
    wide = {f"D{d}": [Ranked(candidate_id=f"E{d}-{n}") for n in range(10)] for d in range(10)}
    assert hub_share(wide) == pytest.approx(0.2)


PAIRS = [
    TitlePair(demand="锦纶袜黄变", achievement="锦纶抗黄变整理", level=4),
    TitlePair(demand="锦纶袜黄变", achievement="茶园害虫防控", level=1),
    TitlePair(demand="茶园害虫", achievement="茶园害虫防控", level=3),
    TitlePair(demand="茶园害虫", achievement="锦纶抗黄变整理", level=1),
    TitlePair(demand="茶园害虫", achievement="害虫天敌的利用", level=2),
    TitlePair(demand="锦纶袜黄变", achievement="棉袜的后整理", level=2),
]


def test_scores_of_titles_follow_their_levels() -> None:
    found = agreements(PAIRS, CharacterEncoder())
    assert set(found) == {"fused", "lexical", "topic", "passage", "without-encoder", "lsa"}
    assert found["lexical"].auc == 1.0
    assert found["lexical"].spearman > 0.5
    opposite = Agreement.of(np.array([1.0, 2.0, 3.0]), np.array([4, 3, 1]))
    assert (opposite.spearman, opposite.auc) == (-1.0, 0.0)


def test_pairs_are_read_and_must_differ(tmp_path: Path) -> None:
    file = tmp_path / "title_pairs.jsonl"
    file.write_text("\n".join(pair.model_dump_json() for pair in PAIRS), encoding="utf-8")
    assert read_pairs(tmp_path) == PAIRS
    file.write_text(PAIRS[0].model_dump_json() + "\n", encoding="utf-8")
    with pytest.raises(UnreadableCases, match="levels"):
        read_pairs(tmp_path)
    file.write_text('{"demand": "a", "achievement": "b", "level": 7}', encoding="utf-8")
    with pytest.raises(UnreadableCases, match="level"):
        read_pairs(tmp_path)


def test_a_team_beside_the_first_ranks() -> None:
    """Two alike stand first; what the demand asks for besides, the third covers."""
    index = MatchIndex.fit(experts())
    rankings = {
        demand: [Ranked(candidate_id=name) for name in ("耐火", "视觉", "茶")]
        for demand in ("D1", "D2", "D3")
    }
    queries = {
        "D1": Query(title="耐火材料", keywords=("耐火材料", "茶园病虫害")),
        "D2": Query(title="窑炉", keywords=("窑炉", "高温窑炉")),
        "D3": Query(title="！"),  # asks for nothing
    }
    judged = {"D1": {"耐火": 3, "视觉": 2, "茶": 0}, "D2": {"耐火": 2}, "D3": {"茶": 1}}
    found = teams_of(index, queries, rankings, judged)
    assert (found.demands, found.size, found.graded, found.covers_less) == (2, 1.5, 2, 0)
    assert (found.coverage.mean, found.plain_coverage.mean) == (1, 0.75)
    assert (found.grade.mean, found.plain_grade.mean) == (1.75, 2.25)
    assert (found.gain.mean, found.gain_of_grade.mean) == (0.25, -0.5)
    assert (found.judged, found.plain_judged) == (1, 1)
    with pytest.raises(UnreadableCases, match="no demand can be compared"):
        teams_of(index, queries, rankings, {"D3": {"茶": 1}})


def test_the_study_of_teams_ends_with_its_figures(tmp_path: Path) -> None:
    said, folder = io.StringIO(), written(tmp_path)
    asked = {"demand_id": "D1", "title": "耐火材料与针织物", "description": "高温窑炉；锦纶染整"}
    other = {"demand_id": "D2", "title": "超高温隔热耐火砖"}
    lines = [json.dumps(one, ensure_ascii=False) for one in (asked, other)]
    (folder / "demands.jsonl").write_text("\n".join(lines), encoding="utf-8")
    told = json.loads(studies.teams(folder, "encoder=none", Console(file=said)))
    assert told["demands"] >= 1
    assert told["covers_less"] == 0
    assert "覆盖" in said.getvalue()
