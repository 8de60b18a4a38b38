"""A board tells what a match would: who of a few candidates scores how high for which query."""

from dataclasses import replace

import numpy as np
import pytest

from matching import Candidate, Encoder, MatchIndex, Query, match
from matching.boards import ROUNDING, Board, hold_against
from matching.index import encode
from matching.queries import read_query
from matching.weights import DEFAULT_WEIGHTS, Weights
from tests.matching.pools import FIELDS, CharacterEncoder, candidate

WORDS = [word for text in FIELDS.values() for word in text.split("；")]


def pool_of(size: int, random: np.random.Generator) -> list[Candidate]:
    """Candidates of random words, some of them with nothing to read."""
    texts = ["；".join(random.choice(WORDS, 3)) for _ in range(2 * size)]
    made = [candidate(f"{n:02d}", *texts[2 * n : 2 * n + 2]) for n in range(size)]
    return [*made, candidate("空", "")]


def queries(count: int, random: np.random.Generator) -> list[Query]:
    return [
        Query(title=str(random.choice(WORDS)), problem="，".join(random.choice(WORDS, 2)))
        for _ in range(count)
    ]


@pytest.mark.parametrize("encoder", [None, CharacterEncoder()], ids=["latent", "encoded"])
@pytest.mark.parametrize("weights", [DEFAULT_WEIGHTS, Weights(decay=0.5)], ids=["best", "decayed"])
def test_scores_are_those_of_a_match(encoder: Encoder | None, weights: Weights) -> None:
    random = np.random.default_rng(7)
    pool, asked = pool_of(30, random), queries(35, random)
    whole = MatchIndex.fit(pool, encoder, asked)
    changed = [candidate("新", "红外与可见光图像融合", "耐火砖表面缺陷检测"), pool[3], pool[-1]]
    # One whose texts have no vectors yet is held to be average, as a match holds them.
    known = _vectors(changed[:2], encoder)
    after = whole.updated(changed, vectors=known)
    assert len(asked) > 30, "enough for hubs to be corrected"
    read = {
        str(number): read_query(query, whole.model, encoder=encoder)
        for number, query in enumerate(asked)
    }
    board = Board.of(read)
    held = hold_against(board, MatchIndex.build(whole.model, changed, known), after, weights)
    assert held.shape == (3, len(asked))
    for column, query in enumerate(asked):
        ranking = match(query, after, encoder=encoder, weights=weights, limit=100)
        by_id = {one.candidate_id: one.score for one in ranking.matches}
        for row, one in enumerate(changed):
            more = held[row, column] - by_id[one.candidate_id]
            assert more > -ROUNDING
            assert weights.decay or more < ROUNDING


def test_queries_without_vectors_stand_on_no_board() -> None:
    encoder = CharacterEncoder()
    index = MatchIndex.fit([candidate("甲", "耐火材料")], encoder)
    read = read_query(Query(title="耐火材料"), index.model, {})
    assert len(Board.of({"无": read})) == 0
    assert hold_against(Board.of({}), index, index, DEFAULT_WEIGHTS).shape == (1, 0)
    whole = read_query(Query(title="耐火材料"), index.model, encoder=encoder)
    assert Board.of({"有": replace(whole, focus=None), "无": read}).ids == ("有",)


def _vectors(
    candidates: list[Candidate], encoder: Encoder | None
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    return {} if encoder is None else encode(candidates, encoder)
