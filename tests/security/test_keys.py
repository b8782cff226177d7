"""The key file: who may read it, what is refused, how it rotates; and that no key shows anywhere."""

from __future__ import annotations

import base64
import json
import os
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from security.errors import KeysRefused, KeyUnavailable, SealBroken
from security.keys import FileKeyRing, KeyState, Secrets, StoredKey, add_kek, key_path, open_keys, switch_kek
from security.seal import canonical

DEK, AAD = bytes(range(32)), canonical(b"tenant", b"record")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    FileKeyRing.create(tmp_path / "keys.json")
    return tmp_path / "keys.json"


def rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def secrets_in(path: Path) -> list[bytes]:
    content = json.loads(path.read_text())
    purposes = ("kek", "index", "head", "audit_seal", "audit_chain", "service")
    return [base64.b64decode(key["secret"]) for purpose in purposes for key in content[purpose]]


def test_created_for_its_owner_alone(path):
    assert path.stat().st_mode & 0o777 == 0o600
    assert [name.name for name in path.parent.iterdir()] == ["keys.json"]


def test_created_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        FileKeyRing.create(tmp_path / "keys.json")
    finally:
        os.umask(before)
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


def test_keys_are_never_overwritten(path):
    before = path.read_bytes()
    with pytest.raises(KeysRefused, match="already there"):
        FileKeyRing.create(path)
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_keys_are_never_made_because_the_file_is_missing(tmp_path):
    with pytest.raises(KeysRefused, match="epaccs keys init"):
        FileKeyRing(tmp_path / "keys.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o610, 0o601])
def test_a_file_that_others_may_use_is_refused(path, mode):
    path.chmod(mode)
    with pytest.raises(KeysRefused, match="0600"):
        FileKeyRing(path)


def test_a_file_of_another_account_is_refused(path, monkeypatch):
    monkeypatch.setattr("security.key_file.os.geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(KeysRefused, match="account"):
        FileKeyRing(path)


def test_a_symbolic_link_is_refused(path):
    link = path.with_name("link.json")
    link.symlink_to(path)
    with pytest.raises(KeysRefused, match="symbolic link"):
        FileKeyRing(link)


def test_a_directory_or_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for unfit in (tmp_path / "pipe", tmp_path):
        with pytest.raises(KeysRefused, match="regular file"):
            FileKeyRing(unfit)


def test_a_file_too_large_for_keys_is_refused(path):
    with path.open("ab") as file:
        file.write(b" " * (1 << 20))
    with pytest.raises(KeysRefused, match="too large"):
        FileKeyRing(path)


def test_nowhere_to_write_is_a_plain_sentence(tmp_path):
    with pytest.raises(KeysRefused, match="cannot be written"):
        FileKeyRing.create(tmp_path / "absent" / "keys.json")


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}", b'{"format": "epaccs-keys/1", "kek": "text"}'])
def test_a_damaged_file_is_refused(path, damage):
    path.write_bytes(damage)
    with pytest.raises(KeysRefused, match="damaged"):
        FileKeyRing(path)


def test_unknown_format_short_doubled_or_leaderless_keys_are_refused(path):
    content = json.loads(path.read_text())
    kek, head = content["kek"][0], content["head"][0]
    for changes, sentence in (
        ({"format": "epaccs-keys/2"}, "format"),
        ({"kek": [kek | {"secret": "AAAA"}]}, "32 bytes"),
        ({"kek": [kek, kek | {"id": "kek-2-x", "state": "opens"}]}, "twice"),
        ({"head": [head | {"secret": kek["secret"]}]}, "twice"),
        ({"kek": [kek | {"state": "opens"}]}, "exactly one"),
        ({"kek": []}, "exactly one"),
        ({"surprise": 1}, "damaged"),
    ):
        rewrite(path, **(content | changes))
        with pytest.raises(KeysRefused, match=sentence):
            FileKeyRing(path)


def test_each_purpose_has_random_keys_of_its_own(tmp_path):
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    FileKeyRing.create(one)
    FileKeyRing.create(other)
    everything = secrets_in(one) + secrets_in(other)
    assert len(set(everything)) == len(everything) == 12
    assert all(len(secret) == 32 for secret in everything)


def test_signing_keys_are_there_to_be_loaded(path):
    ring = FileKeyRing(path)
    assert isinstance(load_pem_private_key(ring.audit_signing_pem.encode(), None), Ed25519PrivateKey)
    issuer = load_pem_private_key(ring.issuer_pem.encode(), None)
    assert isinstance(issuer, EllipticCurvePrivateKey)
    assert issuer.curve.name == "secp256r1"


async def test_wraps_and_unwraps(path):
    ring = FileKeyRing(path)
    kek_id, blob = await ring.wrap(DEK, AAD)
    assert kek_id == ring.current()
    assert await ring.unwrap(kek_id, blob, AAD) == DEK
    await ring.health()


async def test_wrapping_is_bound_to_context_key_id_and_purpose(path):
    ring = FileKeyRing(path)
    kek_id, blob = await ring.wrap(DEK, AAD)
    kek = json.loads(path.read_text())["kek"][0]
    # As the rules write it: ... | kek_id | "wrap".
    context = AAD + canonical(kek["id"].encode(), b"wrap")
    opened = AESGCM(base64.b64decode(kek["secret"])).decrypt(blob[4:16], blob[16:], context)
    assert opened == DEK
    for other in (b"", AAD + b"!", canonical(b"tenant", b"other"), canonical(b"ten", b"antrecord")):
        with pytest.raises(SealBroken):
            await ring.unwrap(kek_id, blob, other)


async def test_the_same_key_under_another_id_does_not_unwrap(path):
    kek_id, blob = await FileKeyRing(path).wrap(DEK, AAD)
    kek = json.loads(path.read_text())["kek"][0]
    rewrite(path, kek=[kek | {"id": "kek-9-renamed"}])
    with pytest.raises(SealBroken):
        await FileKeyRing(path).unwrap("kek-9-renamed", blob, AAD)
    with pytest.raises(KeyUnavailable):
        await FileKeyRing(path).unwrap(kek_id, blob, AAD)


async def test_every_bit_of_a_wrapped_key_counts(path):
    ring = FileKeyRing(path)
    kek_id, blob = await ring.wrap(DEK, AAD)
    for position in range(len(blob) * 8):
        damaged = bytearray(blob)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises(SealBroken):
            await ring.unwrap(kek_id, bytes(damaged), AAD)
    for size in (0, 4, 16, len(blob) - 1):
        with pytest.raises(SealBroken):
            await ring.unwrap(kek_id, blob[:size], AAD)


async def test_rotation_adds_then_switches_and_the_old_key_goes_on_opening(path):
    before = FileKeyRing(path)
    old_id, old_blob = await before.wrap(DEK, AAD)
    new_id = add_kek(path)
    both = FileKeyRing(path)
    assert both.current() == old_id
    switch_kek(path, new_id)
    after = FileKeyRing(path)
    assert after.current() == new_id
    used, blob = await after.wrap(DEK, AAD)
    assert used == new_id
    # A node that has not switched yet opens what one that has switched wraps, and the other way round.
    assert await both.unwrap(new_id, blob, AAD) == DEK
    assert await after.unwrap(old_id, old_blob, AAD) == DEK
    with pytest.raises(KeyUnavailable):
        await before.unwrap(new_id, blob, AAD)
    await after.health()
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(list(path.parent.iterdir())) == 1


def test_switching_to_an_unknown_key_changes_nothing(path):
    before = path.read_bytes()
    with pytest.raises(KeysRefused, match="no key-encryption key of that id"):
        switch_kek(path, "kek-7-absent")
    assert path.read_bytes() == before


def test_earlier_keys_of_a_purpose_are_kept_newest_first(path):
    content = json.loads(path.read_text())
    first = content["head"][0]
    add = [StoredKey.random("head", version, KeyState.OPENS) for version in (2, 3)]
    as_json = [
        {"id": key.id, "version": key.version, "state": "opens", "secret": base64.b64encode(key.secret).decode()}
        for key in add
    ]
    rewrite(path, head=[first, *as_json])
    ring = FileKeyRing(path)
    assert ring.head.active == base64.b64decode(first["secret"])
    assert ring.head.earlier == (add[1].secret, add[0].secret)


def test_settings_name_a_file_or_are_refused_in_plain_words(path):
    assert open_keys(f"file://{path}").current().startswith("kek-1-")
    assert key_path("file:///etc/epaccs/my%20keys.json") == Path("/etc/epaccs/my keys.json")
    for url in ("vault:transit/epaccs", "aws-kms:alias/epaccs"):
        with pytest.raises(KeysRefused, match="not supported yet"):
            open_keys(url)
    for url in (
        "",
        "keys.json",
        "/etc/keys.json",
        "file://host/keys.json",
        "file:keys.json",
        "https://x/y",
        "file:///k?a",
    ):
        with pytest.raises(KeysRefused, match="file:///path"):
            open_keys(url)


async def test_no_key_shows_in_a_repr_or_an_error(path):
    held = secrets_in(path)
    ring = FileKeyRing(path)
    shown = [repr(ring), str(ring), repr(ring.head), repr(StoredKey("id", 1, KeyState.ACTIVE, held[0]))]
    shown += [repr(Secrets(held[0], (held[1],)))]
    for broken in (path.read_bytes().replace(b'"active"', b'"actve"'), path.read_bytes()[:-20]):
        path.write_bytes(broken)
        with pytest.raises(KeysRefused) as refused:
            FileKeyRing(path)
        shown.append("".join(traceback.format_exception(refused.value)))
    with pytest.raises(SealBroken) as unopened:
        await ring.unwrap(ring.current(), b"EPK1" + bytes(60), AAD)
    shown.append("".join(traceback.format_exception(unopened.value)))
    text = "\n".join(shown)
    for secret in held:
        for form in (secret.hex(), base64.b64encode(secret).decode(), repr(secret)[2:-1]):
            assert form not in text
