"""Blind tokens find equal values and show nothing else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from security.blind_index import BlindIndex
from security.keys import Secrets
from security.seal import canonical

SECRET, OTHER = bytes(range(32)), bytes(32)
NUMBER = "9990000018"


@pytest.fixture
def index() -> BlindIndex:
    return BlindIndex(Secrets(SECRET), "ZZ-tenant")


def test_a_token_is_what_the_rules_write(index):
    key = HKDFExpand(SHA256(), 32, canonical(b"EPI1", b"ZZ-tenant", b"nhs-number")).derive(SECRET)
    mac = HMAC(key, SHA256())
    mac.update(b"nhs-number/v1\x00" + NUMBER.encode())
    assert index.token("nhs-number", NUMBER) == mac.finalize()[:16]


def test_tokens_are_pinned_by_a_vector(index):
    assert index.token("nhs-number", NUMBER).hex() == "d45986f6d8fe78088334789e40245ecc"


def test_equal_values_meet_and_others_do_not(index):
    again = BlindIndex(Secrets(SECRET), "ZZ-tenant")
    token = index.token("nhs-number", NUMBER)
    assert token == again.token("nhs-number", NUMBER) == index.token("nhs-number", NUMBER)
    others = [
        index.token("nhs-number", "9990000026"),
        index.token("phone", NUMBER),
        index.token("nhs-number", ""),
        BlindIndex(Secrets(SECRET), "ZZ-other").token("nhs-number", NUMBER),
        BlindIndex(Secrets(OTHER), "ZZ-tenant").token("nhs-number", NUMBER),
    ]
    assert len({token, *others}) == len(others) + 1


def test_lookups_cover_every_key_and_storing_uses_the_active(index):
    rotated = BlindIndex(Secrets(OTHER, (SECRET,)), "ZZ-tenant")
    stored_before = index.token("id", "Patient/abc")
    assert rotated.lookups("id", "Patient/abc") == (rotated.token("id", "Patient/abc"), stored_before)
    assert rotated.token("id", "Patient/abc") != stored_before
    assert index.lookups("id", "Patient/abc") == (stored_before,)


def test_the_key_does_not_show(index):
    index.token("nhs-number", NUMBER)
    assert repr(index) == "BlindIndex()"


def test_an_alias_is_turned_back_by_the_key_alone_and_is_of_one_field(index):
    record = bytes(range(16))
    alias = index.alias("a", record)
    assert index.behind("a", alias) == (record,)
    assert index.alias("a", record) == alias
    assert len({record, alias, index.alias("b", record), BlindIndex(Secrets(SECRET), "other").alias("a", record)}) == 4
    assert record not in index.behind("b", alias)


def test_an_alias_of_an_earlier_key_still_leads_to_its_record():
    old, new = bytes([1]) * 32, bytes([2]) * 32
    record = bytes(range(16))
    alias = BlindIndex(Secrets(old), "tenant").alias("a", record)
    turned = BlindIndex(Secrets(new, (old,)), "tenant")
    assert record in turned.behind("a", alias)
    assert turned.alias("a", record) != alias
    assert record not in BlindIndex(Secrets(new), "tenant").behind("a", alias)


def test_an_alias_is_pinned_by_a_vector(index):
    """AES-256 of one block, under a key of its own for each field."""
    key = HKDFExpand(SHA256(), 32, canonical(b"EPX1", b"ZZ-tenant", b"a")).derive(SECRET)
    assert index.alias("a", bytes(16)) == Cipher(AES256(key), ECB()).encryptor().update(bytes(16))  # noqa: S305
