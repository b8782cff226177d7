"""Signed batches: Merkle roots as RFC 6962 has them, and signatures over every part."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, Hash

from security.audit_batch import Batch, ChainHead, merkle_root, sign_batch, signing_key, verify_batch
from security.errors import KeysRefused, SealBroken
from security.keys import FileKeyRing

LEAVES = [bytes.fromhex(leaf) for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
LEAVES.append(bytes(range(0x60, 0x70)))
ROOTS = {  # the reference tree of certificate transparency implementations
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def sha256(content: bytes) -> bytes:
    digest = Hash(SHA256())
    digest.update(content)
    return digest.finalize()


def rfc_6962_tree(leaves: list[bytes]) -> bytes:
    """Section 2.1, word for word: split at the largest power of two smaller than n."""
    if len(leaves) < 2:
        return sha256(b"\x00" + leaves[0]) if leaves else sha256(b"")
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + rfc_6962_tree(leaves[:split]) + rfc_6962_tree(leaves[split:]))


@pytest.mark.parametrize("count", ROOTS)
def test_merkle_root_meets_known_answers(count):
    assert merkle_root(LEAVES[:count]).hex() == ROOTS[count]


@pytest.mark.parametrize("count", range(34))
def test_merkle_root_is_that_of_the_rfc(count):
    leaves = [bytes([number]) for number in range(count)]
    assert merkle_root(leaves) == rfc_6962_tree(leaves)


BATCH = Batch(
    tenant="ZZ-tenant",
    made=datetime(2026, 11, 22, 10, 30, tzinfo=UTC),
    heads=(ChainHead(b"c" * 16, 3, b"m" * 32),),
    entries=3,
    root=b"r" * 32,
    previous=b"",
)


def test_a_signed_batch_verifies_with_the_public_key_alone():
    key = Ed25519PrivateKey.generate()
    signature = sign_batch(key, BATCH)
    verify_batch(key.public_key(), BATCH, signature)
    elsewhere = BATCH.made.astimezone(timezone(timedelta(hours=1)))
    verify_batch(key.public_key(), msgspec.structs.replace(BATCH, made=elsewhere), signature)


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "ZZ-other"},
        {"made": BATCH.made + timedelta(microseconds=1)},
        {"heads": ()},
        {"heads": (ChainHead(b"c" * 16, 4, b"m" * 32),)},
        {"heads": (*BATCH.heads, *BATCH.heads)},
        {"entries": 4},
        {"root": b"s" * 32},
        {"previous": b"p"},
    ],
)
def test_every_part_of_a_batch_is_signed(change):
    key = Ed25519PrivateKey.generate()
    with pytest.raises(SealBroken):
        verify_batch(key.public_key(), msgspec.structs.replace(BATCH, **change), sign_batch(key, BATCH))


def test_another_key_does_not_verify():
    signature = sign_batch(Ed25519PrivateKey.generate(), BATCH)
    with pytest.raises(SealBroken):
        verify_batch(Ed25519PrivateKey.generate().public_key(), BATCH, signature)


def test_the_key_file_holds_the_signing_key(tmp_path):
    ring = FileKeyRing.create(tmp_path / "keys.json")
    key = signing_key(ring.audit_signing_pem)
    verify_batch(key.public_key(), BATCH, sign_batch(key, BATCH))
    for unfit in ("", "not a key", ring.issuer_pem):
        with pytest.raises(KeysRefused):
            signing_key(unfit)
