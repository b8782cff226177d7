"""The sealed format, against vectors made with the primitives alone and against every kind of damage."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from hypothesis import given
from hypothesis import strategies as st

from security.errors import SealBroken
from security.seal import BoundCipher, canonical, key_id_of

KEY, KEY_ID, CONTEXT = bytes(range(32)), bytes(16), canonical(b"EPT1", b"place")
VECTOR = bytes.fromhex(
    "4550543100000000000000000000000000000000070707070707070707070707d1461efa9d0f8e9842b8f135"
    "cf3c03db0bdb311b8bd4f1ec3cbfce37a3b03d2e7d5654414693ac99755c8f12dcbce4fa885efc443c6a7975"
    "d0e2"
)


def cipher(key: bytes = KEY, context: bytes = CONTEXT, key_id: bytes = KEY_ID, marker: bytes = b"EPT1") -> BoundCipher:
    return BoundCipher(marker, key, key_id, context)


def hmac(key: bytes, message: bytes) -> bytes:
    mac = HMAC(key, SHA256())
    mac.update(message)
    return mac.finalize()


def sealed_by_hand(plaintext: bytes) -> bytes:
    """The format as the module's docstring draws it, HKDF-Expand written out (RFC 5869, 2.3)."""
    first = hmac(KEY, CONTEXT + b"\x01")
    commitment = hmac(KEY, first + CONTEXT + b"\x02")
    frame = len(plaintext).to_bytes(4, "big") + plaintext
    frame += bytes(-len(frame) % 1024)
    nonce = b"\x07" * 12
    return b"EPT1" + KEY_ID + nonce + commitment + AESGCM(first).encrypt(nonce, frame, CONTEXT)


def test_opens_what_the_written_format_says():
    assert bytes(cipher().open(sealed_by_hand(b"not for resuscitation"))) == b"not for resuscitation"


def test_seals_as_the_written_format_says(monkeypatch):
    monkeypatch.setattr("security.seal.os.urandom", lambda size: b"\x07" * size)
    assert cipher().seal(b"hello") == sealed_by_hand(b"hello")


def test_format_is_pinned_by_a_vector(monkeypatch):
    monkeypatch.setattr("security.seal.os.urandom", lambda size: b"\x07" * size)
    assert cipher().seal(b"epaccs", bucket=2).hex() == VECTOR.hex()
    assert bytes(cipher().open(VECTOR)) == b"epaccs"


@pytest.mark.parametrize("size", [0, 1, 1019, 1020, 1021, 2043, 2044, 2045, 70_000])
def test_length_shows_only_the_bucket(size):
    sealed = cipher().seal(bytes(size))
    assert cipher().open(sealed) == bytes(size)
    assert (len(sealed) - 80) % 1024 == 0
    assert 0 <= (len(sealed) - 80) - (size + 4) < 1024


def test_every_single_bit_counts():
    sealed = cipher().seal(b"preferred place of care: home", bucket=64)
    for position in range(len(sealed) * 8):
        damaged = bytearray(sealed)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises(SealBroken):
            cipher().open(bytes(damaged))


@given(st.binary(max_size=3000), st.data())
def test_no_shortened_lengthened_or_spliced_blob_opens(plaintext, data):
    sealed, other = cipher().seal(plaintext), cipher().seal(plaintext)
    assert cipher().open(sealed) == plaintext
    cut = data.draw(st.integers(0, len(sealed) - 1))
    spliced = sealed[:cut] + other[cut:]
    for damaged in (sealed[:cut], sealed + b"\x00", *([spliced] if spliced not in (sealed, other) else [])):
        with pytest.raises(SealBroken):
            cipher().open(damaged)


def test_every_part_of_the_context_counts():
    sealed = cipher().seal(b"x")
    for other in (
        cipher(key=bytes(32)),
        cipher(context=CONTEXT + b"!"),
        cipher(key_id=b"\x01" * 16),
        cipher(marker=b"EPT2"),
    ):
        with pytest.raises(SealBroken):
            other.open(sealed)


def test_commitment_is_compared_before_decrypting():
    # A blob that decrypts under the right key but commits to another must not open: one blob, one key.
    sealed = bytearray(cipher().seal(b"x"))
    sealed[32:64] = bytes(32)
    with pytest.raises(SealBroken):
        cipher().open(bytes(sealed))
    assert not cipher(key=bytes(32)).committed_by(cipher().seal(b"x"))


def test_a_frame_that_lies_about_its_length_does_not_open():
    sealed = sealed_by_hand(b"")
    frame = (5000).to_bytes(4, "big") + bytes(1020)
    nonce = b"\x07" * 12
    key = hmac(KEY, CONTEXT + b"\x01")
    with pytest.raises(SealBroken):
        cipher().open(sealed[:64] + AESGCM(key).encrypt(nonce, frame, CONTEXT))


def test_no_nonce_is_used_twice():
    one = cipher()
    assert len({one.seal(b"", bucket=4)[20:32] for _ in range(20_000)}) == 20_000


def test_key_id_is_read_only_from_a_whole_blob_of_the_kind():
    sealed = cipher(key_id=b"k" * 16).seal(b"x")
    assert key_id_of(b"EPT1", sealed) == b"k" * 16
    for marker, blob in ((b"EPT2", sealed), (b"EPT1", sealed[:79]), (b"EPT1", b"")):
        with pytest.raises(SealBroken):
            key_id_of(marker, blob)


@given(st.lists(st.binary(max_size=8), max_size=5), st.lists(st.binary(max_size=8), max_size=5))
def test_canonical_form_is_injective_and_built_in_steps(one, other):
    assert (canonical(*one) == canonical(*other)) == (one == other)
    assert canonical(*one) + canonical(*other) == canonical(*one, *other)


def test_errors_and_reprs_say_nothing():
    key = os.urandom(32)
    one = cipher(key=key)
    assert key.hex() not in repr(one)
    assert repr(key)[2:-1] not in repr(one)
    with pytest.raises(SealBroken) as raised:
        one.open(b"EPT1" + bytes(100))
    assert str(raised.value) == "sealed bytes do not open in this place"
    assert raised.value.__cause__ is None
