import numpy as np
import pytest

from matching.embeddings import encoded_queries
from matching.fitting import Steps, fit_model
from matching.hubness import FEWEST_PROBES, MOST_PROBES, NEAREST, probes_of
from matching.index import MatchIndex, encode
from matching.matcher import match
from matching.model import IndexModel
from matching.types import Query
from matching.weights import Weights
from tests.matching.pools import FIELDS, CharacterEncoder, candidate, experts

ENCODER = CharacterEncoder()
HUB = candidate("什么都会", "；".join(FIELDS.values()))
WITHOUT = Weights(hubness=0.0)


def queries(count: int) -> list[Query]:
    """Each of the fields in turn, with a number, so that no two are alike."""
    texts = list(FIELDS.values())
    return [Query(title=f"{texts[n % len(texts)][:12]} {n}") for n in range(count)]


def hubness_of(index: MatchIndex, name: str) -> float:
    row = index.row_of(name)
    assert row is not None
    return float(index.hubness[row])


def test_hubness_is_the_mean_score_for_the_queries_that_a_candidate_suits_best() -> None:
    pool, asked = [*experts(), HUB], queries(40)
    index = MatchIndex.fit(pool, ENCODER, asked)
    vectors = encoded_queries(ENCODER, [text for q in asked for text in q.texts_to_encode])
    scores: dict[str, list[float]] = {c.candidate_id: [] for c in pool}
    for query in asked:
        for one in match(query, index, query_vectors=vectors, weights=WITHOUT).matches:
            scores[one.candidate_id].append(one.score)
    for name, found in scores.items():
        best = sorted(found)[-(len(asked) // NEAREST) :]
        expected = pytest.approx(np.mean(best), abs=0.02)  # vectors are eight-bit codes
        assert hubness_of(index, name) == expected


def test_a_hub_falls_behind_whom_it_is_about_and_the_sum_says_why() -> None:
    pool = [*experts(), HUB]
    index = MatchIndex.fit(pool, queries=queries(50))
    query = Query(title="茶园病虫害绿色防控")
    plain = {m.candidate_id: m for m in match(query, index, weights=WITHOUT).matches}
    found = {m.candidate_id: m for m in match(query, index).matches}
    gap = {name: found["茶"].score - found[name].score for name in found}
    before = {name: plain["茶"].score - plain[name].score for name in plain}
    hubs = {c.candidate_id: hubness_of(index, c.candidate_id) for c in pool}
    assert (gap[HUB.candidate_id] > before[HUB.candidate_id]) == (
        hubs[HUB.candidate_id] > hubs["茶"]
    )
    for one in found.values():
        assert sum(c.value for c in one.contributions) == pytest.approx(one.score, abs=1e-9)
        assert one.features["hubness"] == pytest.approx(hubs[one.candidate_id])


@pytest.mark.parametrize(
    ("count", "probes"), [(0, 0), (FEWEST_PROBES - 1, 0), (FEWEST_PROBES, FEWEST_PROBES)]
)
def test_few_queries_say_nothing_of_candidates(count: int, probes: int) -> None:
    model = fit_model(experts(), queries=queries(count))
    found = 0 if model.probes is None else model.probes.weights.shape[1]
    assert found == probes
    hubness = MatchIndex.build(model, experts()).hubness
    assert bool(hubness.any()) == bool(probes)


def test_many_queries_are_sampled_and_whoever_lacks_vectors_is_none() -> None:
    many = fit_model(experts(), queries=queries(3 * MOST_PROBES + 1)).probes
    assert many is not None
    assert MOST_PROBES / 2 <= many.weights.shape[1] <= MOST_PROBES
    asked = queries(40)
    index = MatchIndex.fit(experts(), ENCODER, asked)
    some = encoded_queries(ENCODER, [t for q in asked[:35] for t in q.texts_to_encode])
    probes = probes_of(asked, index.model, some)
    assert probes is not None
    assert probes.vectors.codes.shape == (35, ENCODER.dimensions)


def test_a_pool_that_others_ask_has_no_hubs() -> None:
    assert fit_model(experts(), queries=queries(50), steps=Steps(hubs=False)).probes is None


def test_who_waits_for_vectors_has_the_usual_hubness() -> None:
    asked = queries(40)
    index = MatchIndex.fit(experts(), ENCODER, asked)
    late = index.updated([candidate("新", "竹纤维")])
    assert "新" in late.pending
    others = [hubness_of(late, c.candidate_id) for c in experts()]
    assert hubness_of(late, "新") == pytest.approx(np.mean(others))


def test_probes_are_part_of_what_is_saved() -> None:
    model = fit_model(experts(), queries=queries(40))
    again = IndexModel.from_bytes(model.to_bytes())
    assert again.version == model.version
    assert again.probes is not None
    assert model.probes is not None
    assert np.array_equal(again.probes.weights, model.probes.weights)
    assert (
        fit_model(experts(), queries=queries(40), steps=Steps(hubs=False)).version != model.version
    )


def test_however_an_index_came_about_its_hubness_is_the_same_to_the_last_bit() -> None:
    asked = queries(70)
    many = [
        candidate(f"{n}", list(FIELDS.values())[n % 5][: 9 + n % 7], f"论文{n}") for n in range(90)
    ]
    model = MatchIndex.fit(many, ENCODER, asked).model
    vectors = encode(many, ENCODER)
    whole = MatchIndex.build(model, many, vectors)
    grown = MatchIndex.build(model, many[:11], vectors)
    for one in reversed(many[11:]):
        grown = grown.updated([one], vectors=vectors)
    for one in many:
        assert hubness_of(whole, one.candidate_id) == hubness_of(grown, one.candidate_id) != 0
