"""Audit entries say what the rules ask for, and to nobody without the key."""

from __future__ import annotations

import msgspec
import pytest

from security.audit import AuditEntry, AuditSealer, EventKind, Outcome, kind_of
from security.errors import SealBroken
from security.keys import Secrets

KEY = bytes(range(32))
ENTRY = AuditEntry(
    time="2026-11-22T10:30:00.123Z",
    kind=EventKind.READ,
    outcome=Outcome.SUCCESS,
    request_id="req-1",
    interaction="$emergency-summary",
    client_id="demo-ambulance",
    organisation="ZZ501",
    role="ambulance",
    user_id="para-17",
    user_name="A Paramedic",
    assurance=2,
    purpose="ETREAT",
    token_id="jti-1",
    issuer="https://issuer.example.org",
    device="192.0.2.7",
    decision_id="decision-1",
    permitted=True,
    status=200,
    rule="3",
    reason="matrix",
    policy_id="epaccs",
    policy_version="1",
    policy_hash="ab" * 32,
    consent_state="implied",
    consents=("Consent/c1/_history/2",),
    relationship="established",
    incident="INC-9",
    obligations=("audit", "redacted_flag"),
    legal_basis="6(1)(e), 9(2)(h)",
    patient="Patient/p1",
    record="aa" * 16,
    sequence=12,
)


@pytest.fixture
def sealer() -> AuditSealer:
    return AuditSealer(Secrets(KEY), "ZZ-tenant")


def test_an_entry_comes_back_whole(sealer):
    assert sealer.open(sealer.seal(ENTRY)) == ENTRY


def test_a_sealed_entry_says_nothing(sealer):
    sealed = sealer.seal(ENTRY)
    for value in msgspec.structs.asdict(ENTRY).values():
        if isinstance(value, str) and len(value) > 4:
            assert value.encode() not in sealed


def test_small_entries_are_of_one_size(sealer):
    small = msgspec.structs.replace(ENTRY, user_name="", consents=(), obligations=())
    assert len(sealer.seal(small)) == len(sealer.seal(msgspec.structs.replace(small, user_name="B"))) == 80 + 512


def test_another_process_opens_it_and_another_tenant_or_key_does_not(sealer):
    sealed = sealer.seal(ENTRY)
    assert AuditSealer(Secrets(KEY), "ZZ-tenant").open(sealed) == ENTRY
    for other in (AuditSealer(Secrets(KEY), "ZZ-other"), AuditSealer(Secrets(bytes(32)), "ZZ-tenant")):
        with pytest.raises(SealBroken):
            other.open(sealed)


def test_entries_of_an_earlier_key_open_after_rotation(sealer):
    assert AuditSealer(Secrets(bytes(32), (KEY,)), "ZZ-tenant").open(sealer.seal(ENTRY)) == ENTRY


def test_every_byte_of_a_sealed_entry_counts(sealer):
    sealed = sealer.seal(ENTRY)
    for position in range(len(sealed)):
        damaged = bytearray(sealed)
        damaged[position] ^= 1
        with pytest.raises(SealBroken):
            sealer.open(bytes(damaged))


def test_sealers_share_no_subkey_and_renew_theirs_in_time(sealer, monkeypatch):
    first, other = sealer.seal(ENTRY), AuditSealer(Secrets(KEY), "ZZ-tenant").seal(ENTRY)
    assert first[4:20] != other[4:20]
    assert first[4:20] == sealer.seal(ENTRY)[4:20]
    monkeypatch.setattr(sealer, "_left", 0)
    renewed = sealer.seal(ENTRY)
    assert renewed[4:20] != first[4:20]
    assert sealer.open(first) == sealer.open(renewed) == ENTRY


def test_the_stored_form_is_pinned():
    # Appending a field with a default may lengthen this list; nothing before the end may move.
    names = AuditEntry.__struct_fields__
    assert names[:5] == ("time", "kind", "outcome", "request_id", "interaction")
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(ENTRY))
    assert len(stored) == len(names) == 42
    assert stored[names.index("patient")] == "Patient/p1"
    assert stored[-9:] == ["aa" * 16, 12, [], [], 0, 0, "", 0, []]


def test_an_entry_of_an_older_version_still_opens():
    older = msgspec.msgpack.encode(msgspec.msgpack.decode(msgspec.msgpack.encode(ENTRY))[:-5])
    assert msgspec.msgpack.decode(older, type=AuditEntry) == ENTRY


def test_an_entry_does_not_show_in_a_repr():
    shown = repr(msgspec.structs.replace(ENTRY, break_glass_reason="found unconscious"))
    assert shown == "AuditEntry(read, SUCCESS, 'req-1', ***)"


@pytest.mark.parametrize(
    ("interaction", "kind"),
    [
        ("vread", EventKind.READ),
        ("$emergency-summary", EventKind.READ),
        ("search-type", EventKind.QUERY),
        ("transaction", EventKind.UPDATE),
        ("delete", EventKind.DELETE),
    ],
)
def test_interactions_have_their_kind(interaction, kind):
    assert kind_of(interaction) is kind


def test_an_unclassified_interaction_has_no_kind():
    with pytest.raises(KeyError):
        kind_of("frobnicate")
