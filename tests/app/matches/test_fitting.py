"""When statistics are outgrown: by a quarter while much comes in, by a twentieth at rest."""

from dataclasses import replace
from typing import Any

import pytest

from app.matches.index.fitting import PoolSize, is_outgrown
from app.matches.models import Pool, StoredModel
from matching import LATENT, PRIOR_QUERIES

LEARNED = PoolSize(candidates=100, encoded=0, queries=30)
STORED = StoredModel(pool=Pool.EXPERTS, encoder=LATENT, candidates=100, encoded=0, queries=30)
QUERIES = LEARNED.queries + PRIOR_QUERIES


@pytest.mark.parametrize("is_at_rest", [False, True])
def test_what_is_as_it_was_learned_stays(is_at_rest: bool) -> None:
    assert not is_outgrown(STORED, replace(LEARNED, is_at_rest=is_at_rest), None)


@pytest.mark.parametrize(
    ("grown", "while_busy", "at_rest"),
    [
        ({"candidates": 105}, False, False),
        ({"candidates": 106}, False, True),
        ({"candidates": 125}, False, True),
        ({"candidates": 126}, True, True),
        ({"queries": LEARNED.queries + round(0.1 * QUERIES)}, False, True),
        ({"queries": LEARNED.queries + round(0.3 * QUERIES)}, True, True),
    ],
)
def test_what_has_grown_is_learned_anew_the_sooner_at_rest(
    grown: dict[str, Any], while_busy: bool, at_rest: bool
) -> None:
    size = replace(LEARNED, **grown)
    assert is_outgrown(STORED, size, None) is while_busy
    assert is_outgrown(STORED, replace(size, is_at_rest=True), None) is at_rest


def test_a_pool_of_nobody_has_none_and_one_of_somebody_needs_some() -> None:
    assert not is_outgrown(None, PoolSize(candidates=0, encoded=0, queries=0), None)
    assert is_outgrown(None, PoolSize(candidates=1, encoded=0, queries=0), None)
