"""What is sealed opens with its key at its place, and nowhere else."""

import base64
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.encryption.keys import MARK, CannotOpen, KeyRing, NotKeys, new_key
from app.encryption.sealed import place_of
from app.interface.schemas import TEXT_PATTERN

RING = KeyRing.of([new_key()])
PLACE = place_of("experts", "phone", uuid4())


@given(st.text())
def test_what_is_sealed_opens(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:  # no text of the database either
        return
    sealed = RING.seal(text, PLACE)
    assert RING.open(sealed, PLACE) == text
    assert "\x00" not in sealed
    assert len(text) < 4 or text not in sealed


@given(st.binary())
def test_sealed_bytes_open_and_only_in_their_cell(content: bytes) -> None:
    sealed = RING.seal_bytes(content, PLACE)
    assert RING.open_bytes(sealed, PLACE) == content
    assert RING.open_bytes(RING.renew(sealed, PLACE), PLACE) == content
    for forged, place in ((sealed, "elsewhere"), (sealed[:-1], PLACE), (sealed[:9], PLACE)):
        with pytest.raises(CannotOpen, match="not sealed there"):
            RING.open_bytes(forged, place)


def test_the_same_text_never_looks_the_same() -> None:
    assert len({RING.seal("000-0001", PLACE) for _ in range(100)}) == 100


def test_a_value_opens_only_in_its_cell() -> None:
    record_id = uuid4()
    sealed = RING.seal("000-0001", place_of("experts", "phone", record_id))
    for table, column, other in (
        ("demands", "phone", record_id),
        ("experts", "email", record_id),
        ("experts", "phone", uuid4()),
    ):
        with pytest.raises(CannotOpen, match="not sealed there"):
            RING.open(sealed, place_of(table, column, other))


def test_every_changed_byte_is_noticed() -> None:
    sealed = RING.seal("000-0001", PLACE)
    head, raw = sealed[:9], base64.urlsafe_b64decode(sealed[9:])
    for index in range(len(raw)):
        forged = bytes([*raw[:index], raw[index] ^ 1, *raw[index + 1 :]])
        with pytest.raises(CannotOpen):
            RING.open(head + base64.urlsafe_b64encode(forged).decode(), PLACE)
    for cut in (head, sealed[:-1], sealed[:30], head + "é", head + "!!!"):
        with pytest.raises(CannotOpen):
            RING.open(cut, PLACE)


def test_the_first_key_seals_and_all_open() -> None:
    old, new = new_key(), new_key()
    before, after = KeyRing.of([old]), KeyRing.of([new, old])
    sealed = before.seal("000-0001", PLACE)
    assert after.open(sealed, PLACE) == "000-0001"
    renewed = after.seal("000-0001", PLACE)
    assert KeyRing.of([new]).open(renewed, PLACE) == "000-0001"
    with pytest.raises(CannotOpen, match=f"needs the key {after.first}, which ENCRYPTION_KEYS"):
        before.open(renewed, PLACE)


def test_no_text_of_people_can_be_taken_for_a_sealed_one() -> None:
    import re

    assert not re.match(TEXT_PATTERN, MARK + "00000000")
    assert RING.open("000-0001", PLACE) == "000-0001"


@pytest.mark.parametrize("key", ["", "short", "x" * 44, base64.b64encode(b"x" * 31).decode()])
def test_half_a_key_is_none(key: str) -> None:
    with pytest.raises(NotKeys, match=r"encryption key 1 (should be 32 bytes|is not base64)"):
        KeyRing.of([key])
    with pytest.raises(NotKeys, match="no key"):
        KeyRing.of([])


def test_both_alphabets_of_base64_name_the_same_key() -> None:
    raw = bytes(range(224, 256))
    plain, url = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()
    assert plain != url
    assert KeyRing.of([plain]).first == KeyRing.of([url]).first
