"""When statistics are outgrown: by a quarter, of candidates as of queries."""

from dataclasses import replace
from typing import Any

import pytest

from app.matches.index.fitting import PoolSize, is_outgrown
from app.matches.models import Pool, StoredModel
from matching import LATENT, PRIOR_QUERIES

LEARNED = PoolSize(candidates=100, encoded=0, queries=30)
STORED = StoredModel(pool=Pool.EXPERTS, encoder=LATENT, candidates=100, encoded=0, queries=30)
QUERIES = LEARNED.queries + PRIOR_QUERIES


@pytest.mark.parametrize(
    ("grown", "is_expected"),
    [
        ({}, False),
        ({"candidates": 125}, False),
        ({"candidates": 126}, True),
        ({"queries": LEARNED.queries + QUERIES // 4}, False),
        ({"queries": LEARNED.queries + QUERIES // 4 + 1}, True),
    ],
)
def test_what_has_grown_by_a_quarter_is_learned_anew(
    grown: dict[str, Any], is_expected: bool
) -> None:
    assert is_outgrown(STORED, replace(LEARNED, **grown), None) is is_expected


def test_a_pool_of_nobody_has_none_and_one_of_somebody_needs_some() -> None:
    assert not is_outgrown(None, PoolSize(candidates=0, encoded=0, queries=0), None)
    assert is_outgrown(None, PoolSize(candidates=1, encoded=0, queries=0), None)
