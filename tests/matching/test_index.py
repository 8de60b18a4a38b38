import json
import mmap
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matching.columns import flatten
from matching.fitting import fit_model
from matching.index import MatchIndex, encode
from matching.matcher import match
from matching.model import IndexModel
from matching.types import Candidate, Constraints, Facts, Query, Ranking
from tests.matching.pools import DEMAND, FIELDS, CharacterEncoder, candidate, experts

ENCODER = CharacterEncoder()
INDEX = MatchIndex.fit(experts(), ENCODER)
TEXTS = [*FIELDS.values(), "耐火砖", "茶叶 tea", "雷达目标识别", ""]
QUERIES = [DEMAND, Query(title="茶园病虫害"), Query(title="radar 雷达")]

changes = st.lists(
    st.tuples(
        st.sampled_from("abcdefgh"),
        st.one_of(st.none(), st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3)),
        st.booleans(),
    ),
    max_size=12,
)


def ranking(index: MatchIndex, query: Query = DEMAND) -> Ranking:
    return match(query, index, encoder=None if index.model.is_latent else ENCODER)


def assert_same(found: Ranking, expected: Ranking) -> None:
    assert [m.candidate_id for m in found.matches] == [m.candidate_id for m in expected.matches]
    for a, b in zip(found.matches, expected.matches, strict=True):
        assert a.score == pytest.approx(b.score, abs=1e-6)
        assert (a.terms, a.uncovered_keywords, a.is_pending) == (
            b.terms,
            b.uncovered_keywords,
            b.is_pending,
        )
        assert [c.name for c in a.contributions] == [c.name for c in b.contributions]
        assert [c.value for c in a.contributions] == pytest.approx(
            [c.value for c in b.contributions], abs=1e-6
        )


@pytest.mark.parametrize("model", [INDEX.model, fit_model(experts())], ids=["encoded", "latent"])
@settings(max_examples=25)
@given(changes)
def test_any_updates_rank_like_a_fresh_build(
    model: IndexModel, steps: list[tuple[str, list[str] | None, bool]]
) -> None:
    held, vectors = {c.candidate_id: c for c in experts()}, encode(experts(), ENCODER)
    index = MatchIndex.build(model, experts(), vectors)
    for step, (name, texts, is_encoded) in enumerate(steps):
        if texts is None:
            index = index.updated(removed=[name])
            held.pop(name, None)
        else:
            held[name] = candidate(name, *(f"{text}{step}" for text in texts))
            known = encode([held[name]], ENCODER) if is_encoded else {}
            vectors |= known
            index = index.updated([held[name]], vectors=known)
    fresh = MatchIndex.build(model, held.values(), vectors)
    assert len(index) == len(held)
    assert index.pending == fresh.pending
    for query in QUERIES:
        assert_same(ranking(index, query), ranking(fresh, query))
        assert_same(ranking(index.compacted(), query), ranking(index, query))


def test_an_index_is_not_changed_by_its_update() -> None:
    before = ranking(INDEX)
    after = INDEX.updated([candidate("新", "耐火材料")], removed=["茶"])
    assert_same(ranking(INDEX), before)
    assert "新" in after
    assert "茶" not in after
    assert "新" not in INDEX
    assert (len(INDEX), len(after)) == (5, 5)


def test_a_candidate_without_vectors_is_pending_until_they_come() -> None:
    new = candidate("新", "超高温隔热耐火材料")
    waiting = INDEX.updated([new])
    assert waiting.pending == {"新"}
    found = next(m for m in ranking(waiting).matches if m.candidate_id == "新")
    assert found.is_pending
    assert {c.value for c in found.contributions if c.name in {"topic", "passage"}} == {0.0}
    assert found.features["topic"] != 0
    done = waiting.updated([new], vectors=encode([new], ENCODER))
    assert done.pending == frozenset()
    assert ranking(waiting).pending == 1


def test_many_small_updates_stay_few_segments() -> None:
    index = MatchIndex.build(INDEX.model, [candidate(f"{i}", "耐火") for i in range(300)])
    for number in range(200):
        index = index.updated([candidate(f"new {number}", "茶叶")])
    assert len(index) == 500
    assert len(index.segments) <= 4


def test_ids_are_distinct() -> None:
    with pytest.raises(ValueError, match="2 changed candidates have only 1"):
        MatchIndex.build(INDEX.model, [candidate("a"), candidate("a")])


@pytest.mark.parametrize("encoder", [ENCODER, None], ids=["encoded", "latent"])
def test_save_and_load(tmp_path: Path, encoder: CharacterEncoder | None) -> None:
    facts = Facts(kind="academician", region="330106", organizations=frozenset({"甲"}))
    index = MatchIndex.fit(experts(), encoder).updated(
        [candidate("新", "耐火砖", facts=facts)], removed=["茶"]
    )
    index.save(tmp_path / "index")
    loaded = MatchIndex.load(tmp_path / "index")
    assert loaded.version == index.version
    assert_same(ranking(loaded), ranking(index))
    constraints = Constraints(organizations=frozenset({"甲"}))
    excluded = match(DEMAND, loaded, encoder=encoder, constraints=constraints).exclusions
    assert [(e.candidate_id, e.detail) for e in excluded] == [("新", "甲")]
    changed = loaded.updated([candidate("又", "耐火")], removed=["新"])
    assert "又" in changed
    assert "新" not in changed


@settings(max_examples=25)
@given(changes, changes)
def test_a_mapped_index_goes_on_exactly_like_the_built_one(
    before: list[tuple[str, list[str] | None, bool]],
    after: list[tuple[str, list[str] | None, bool]],
) -> None:
    built = changed(INDEX, before)
    with tempfile.TemporaryDirectory() as folder:
        built.save(Path(folder, "index"), note="a note")
        mapped, note = MatchIndex.load_with_note(Path(folder, "index"))
        assert note == "a note"
        for one, other in ((built, mapped), (changed(built, after), changed(mapped, after))):
            assert (len(one), one.version, one.pending) == (
                len(other),
                other.version,
                other.pending,
            )
            for query in QUERIES:
                found, expected = ranking(other, query), ranking(one, query)
                assert found.matches == expected.matches  # to the last bit
                assert found.exclusions == expected.exclusions


def changed(index: MatchIndex, steps: list[tuple[str, list[str] | None, bool]]) -> MatchIndex:
    for name, texts, is_encoded in steps:
        if texts is None:
            index = index.updated(removed=[name])
        else:
            new = candidate(name, *texts)
            index = index.updated([new], vectors=encode([new], ENCODER) if is_encoded else {})
    return index


def test_candidates_whose_keys_collide_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("matching.segments.name_key", lambda name: len(name))
    index = MatchIndex.build(INDEX.model, [candidate(name, "耐火") for name in ("a", "b", "cc")])
    index.save(tmp_path / "index")
    for found in (index, MatchIndex.load(tmp_path / "index")):
        assert [found.row_of(name) for name in ("a", "b", "cc", "d", "dd")] == [0, 1, 2, None, None]
        assert "b" not in found.updated(removed=["b", "d"])
        assert len(found.updated(removed=["b", "d"])) == 2


def test_what_processes_share_is_nowhere_copied(tmp_path: Path) -> None:
    """All that grows with the pool is a view of the file: segments, postings and statistics."""
    index = MatchIndex.fit(experts())
    index.save(tmp_path / "index")
    loaded = MatchIndex.load(tmp_path / "index")
    ranking(loaded)
    arrays = [array for segment in loaded.segments for _, array in flatten(segment)]
    arrays += [loaded.model.keys, loaded.model.idf, loaded.model.basis, *loaded.alive_by_segment]
    for array in arrays:
        assert not array.size or is_mapped(array)
        assert not array.flags.writeable


def is_mapped(array: NDArray[Any]) -> bool:
    """Whether the memory that an array looks at is a file's."""
    looked_at: Any = array
    while isinstance(looked_at, np.ndarray | memoryview):
        looked_at = looked_at.base if isinstance(looked_at, np.ndarray) else looked_at.obj
    return isinstance(looked_at, mmap.mmap)


def test_saving_replaces_the_file_at_once(tmp_path: Path) -> None:
    INDEX.save(tmp_path / "index")
    INDEX.updated(removed=["茶"]).save(tmp_path / "index")
    assert len(MatchIndex.load(tmp_path / "index")) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_who_has_the_old_file_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "index"
    INDEX.save(path)
    mapped = MatchIndex.load(path)
    INDEX.updated(removed=["茶"]).save(path)
    assert_same(ranking(mapped), ranking(INDEX))
    path.unlink()
    assert_same(ranking(mapped), ranking(INDEX))


def test_every_damaged_byte_is_found(tmp_path: Path) -> None:
    """Every byte before the arrays, the ends and the middle of each array, and many others."""
    path = tmp_path / "index"
    INDEX.save(path)
    whole = path.read_bytes()
    (length,) = struct.unpack_from("<Q", whole, 8)
    base = 24 + length + (-(24 + length) % 64)
    places = {*range(24 + length), *np.linspace(0, len(whole) - 1, 500).astype(int).tolist()}
    inside = set()
    for entry in json.loads(whole[24 : 24 + length])["arrays"].values():
        size = int(np.prod(entry["shape"])) * np.dtype(entry["type"]).itemsize
        at = base + entry["at"]
        inside |= set(range(at, at + size))
        places |= {at, at + size // 2, at + size - 1} if size else set()
    for place in sorted(places):
        flipped = bytes([whole[place] ^ 1 << place % 8])
        path.write_bytes(whole[:place] + flipped + whole[place + 1 :])
        is_padding = place >= 24 + length and place not in inside
        if is_padding:
            assert_same(ranking(MatchIndex.load(path)), ranking(INDEX))
        else:
            with pytest.raises(ValueError, match="index"):
                MatchIndex.load(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 10_000, b"\xff" * 10_000, b"MATCHIX1" + b"\0" * 100, b"PK\3\4" + b"x" * 5_000],
)
def test_what_is_no_index_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "index").write_bytes(content)
    with pytest.raises(ValueError, match="index"):
        MatchIndex.load(tmp_path / "index")


@pytest.mark.parametrize("size", [0, 10, 200, -1])
def test_a_cut_file_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "index"
    INDEX.save(path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match="index"):
        MatchIndex.load(path)


def test_an_empty_index_answers() -> None:
    empty = MatchIndex.fit([])
    assert len(empty) == 0
    assert match(DEMAND, empty).matches == ()
    assert len(empty.updated([candidate("a", "耐火")])) == 1
    assert len(empty.compacted()) == 0


def test_what_must_be_encoded() -> None:
    found: Candidate = experts()[0]
    assert MatchIndex.texts_to_encode(found)[0] == FIELDS["耐火"].replace("；", ";")
