"""Heads refuse every copy of a record but the one they name."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from security.errors import HeadMismatch
from security.heads import Head, Heads
from security.keys import Secrets
from security.seal import canonical

RECORD, SECRET = b"r" * 16, bytes(range(32))
SEALED = bytes(range(256)) * 8


@pytest.fixture
def heads() -> Heads:
    return Heads(Secrets(SECRET), "ZZ-tenant")


def test_a_head_accepts_the_copy_it_was_made_for(heads):
    heads.check(RECORD, 7, SEALED, heads.make(RECORD, 7, SEALED))


def test_a_head_is_what_its_docstring_says(heads):
    head = heads.make(RECORD, 7, SEALED)
    gmac = AESGCM(HKDFExpand(SHA256(), 32, b"head digest").derive(SECRET))
    assert head.digest[12:] == gmac.encrypt(head.digest[:12], b"", SEALED)
    mac = HMAC(HKDFExpand(SHA256(), 32, b"head mac").derive(SECRET), SHA256())
    mac.update(canonical(b"EPH1", b"ZZ-tenant", RECORD, (7).to_bytes(8, "big"), head.digest))
    assert head.mac == mac.finalize()


def test_an_older_copy_put_back_is_refused(heads):
    older, newer = SEALED, SEALED[::-1]
    heads.make(RECORD, 6, older)
    head = heads.make(RECORD, 7, newer)
    with pytest.raises(HeadMismatch):
        heads.check(RECORD, 7, older, head)
    with pytest.raises(HeadMismatch):
        heads.check(RECORD, 6, older, head)


def test_a_head_moved_to_another_record_sequence_tenant_or_key_is_refused(heads):
    head = heads.make(RECORD, 7, SEALED)
    for other, record_id, sequence, moved in (
        (heads, b"s" * 16, 7, head),
        (heads, RECORD, 8, Head(8, head.digest, head.mac)),
        (heads, RECORD, 7, Head(8, head.digest, head.mac)),
        (Heads(Secrets(SECRET), "ZZ-other"), RECORD, 7, head),
        (Heads(Secrets(bytes(32)), "ZZ-tenant"), RECORD, 7, head),
    ):
        with pytest.raises(HeadMismatch):
            other.check(record_id, sequence, SEALED, moved)


@pytest.mark.parametrize("part", ["digest", "mac", "sealed"])
def test_every_bit_counts(heads, part):
    head = heads.make(RECORD, 7, SEALED[:100])
    parts = {"digest": head.digest, "mac": head.mac, "sealed": SEALED[:100]}
    for position in range(len(parts[part]) * 8):
        damaged = bytearray(parts[part])
        damaged[position // 8] ^= 1 << position % 8
        changed = parts | {part: bytes(damaged)}
        with pytest.raises(HeadMismatch):
            heads.check(RECORD, 7, changed["sealed"], Head(7, changed["digest"], changed["mac"]))


def test_parts_of_two_heads_do_not_mix(heads):
    one, two = heads.make(RECORD, 7, SEALED), heads.make(RECORD, 7, SEALED[::-1])
    for digest, mac, sealed in ((one.digest, two.mac, SEALED), (two.digest, two.mac, SEALED), (b"", one.mac, SEALED)):
        with pytest.raises(HeadMismatch):
            heads.check(RECORD, 7, sealed, Head(7, digest, mac))


def test_heads_of_an_earlier_key_are_checked_and_new_ones_made_with_the_active(heads):
    rotated = Heads(Secrets(b"n" * 32, (SECRET,)), "ZZ-tenant")
    rotated.check(RECORD, 7, SEALED, heads.make(RECORD, 7, SEALED))
    with pytest.raises(HeadMismatch):
        heads.check(RECORD, 7, SEALED, rotated.make(RECORD, 7, SEALED))
