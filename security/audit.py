"""Audit entries: who did or asked what, by which rule, with which answer; sealed before they are stored.

Guarantees, against whoever can read the database but holds no key: an entry says nothing but its approximate size.
Never in an entry: a token, free text of the plan, or the value of a search. Order and completeness are the business
of `audit_chain`; that an entry is durable before the first byte of its answer leaves is its caller's.

Does not: go away with the plan. Erasing a record leaves its audit entries, sealed with a key that is not the record's
(UK GDPR Art 17(3)).

Rotation: the active key seals, every key of the file opens. Each sealer draws a random subkey id, so that processes
never share a nonce space; it draws another before 2^32 entries.
"""

from __future__ import annotations

import os
from enum import StrEnum

import msgspec

from security.errors import SealBroken
from security.keys import Secrets
from security.seal import KEY_ID_BYTES, BoundCipher, canonical, key_id_of

_MARKER = b"EPA1"
_BUCKET = 512
_MOST_ENTRIES = 1 << 31


class EventKind(StrEnum):
    """What an entry is about."""

    READ = "read"
    QUERY = "query"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    DECISION = "decision"
    """A decision about access that nothing followed: a refusal, or a decision asked for by itself."""
    REFUSED_SIGN_INS = "refused-sign-ins"
    """A count of requests whose token proved nothing (401); they are counted, not written one by one."""


_KINDS = {
    "read": EventKind.READ,
    "vread": EventKind.READ,
    "history-instance": EventKind.READ,
    "history-type": EventKind.QUERY,
    "history-system": EventKind.QUERY,
    "search-type": EventKind.QUERY,
    "search-system": EventKind.QUERY,
    "create": EventKind.CREATE,
    "update": EventKind.UPDATE,
    "patch": EventKind.UPDATE,
    "transaction": EventKind.UPDATE,
    "batch": EventKind.UPDATE,
    "delete": EventKind.DELETE,
}


def kind_of(interaction: str) -> EventKind:
    """Return the kind of a FHIR interaction, or of an operation (`$name`), which reads unless its caller says
    otherwise.

    An interaction that is not known raises `KeyError`: an event nobody has classified must not be filed as harmless.
    """
    return EventKind.READ if interaction.startswith("$") else _KINDS[interaction]


class Outcome(StrEnum):
    """FHIR AuditEvent.outcome."""

    SUCCESS = "0"
    REFUSED = "4"
    FAILED = "8"
    UNAVAILABLE = "12"


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One event (sharing rules, section 8). The order of fields is the stored form: append only, with a default.

    `time` is a FHIR instant in UTC. An entry about a whole record names it by `record` (hex) and `sequence`, which fix
    every version in it; `references` names single resources, as `Type/id/_history/version`, where single ones were
    addressed or written. `search_parameters` are names without values. What does not apply is empty, None or 0.
    """

    time: str
    kind: EventKind
    outcome: Outcome
    request_id: str
    interaction: str
    """The FHIR interaction or operation: `read`, `search-type`, `$emergency-summary`."""

    client_id: str = ""
    organisation: str = ""
    role: str = ""
    user_id: str = ""
    user_name: str = ""
    assurance: int = 0
    purpose: str = ""
    token_id: str = ""
    issuer: str = ""
    device: str = ""
    """The network address or device that the client connected from, as far as it is known."""

    decision_id: str = ""
    permitted: bool | None = None
    status: int = 0
    """The class of the answer that the decision gave: 200, 403 or 404."""
    rule: str = ""
    reason: str = ""
    """The decision's reason code."""
    policy_id: str = ""
    policy_version: str = ""
    policy_hash: str = ""
    consent_state: str = ""
    consents: tuple[str, ...] = ()
    """The Consents that the decision used, as `Consent/id/_history/version`."""
    relationship: str = ""
    incident: str = ""
    self_claim_reason: str = ""
    break_glass_basis: str = ""
    break_glass_reason: str = ""
    obligations: tuple[str, ...] = ()
    legal_basis: str = ""

    patient: str = ""
    """`Patient/id`, where the event is about one known person."""
    record: str = ""
    sequence: int = 0
    references: tuple[str, ...] = ()
    search_parameters: tuple[str, ...] = ()
    count: int = 0
    """How many events a summary stands for."""
    makes: int = 0
    """The sequence of the record that this write made; the entry is there if, and only if, that is."""
    holder: str = ""
    """The organisation that held the record."""
    found_by: int = 0
    """The form of the look-up tokens that stand beside the entry (`audit_tokens`); 0: from before there were any."""
    said: tuple[tuple[str, str], ...] = ()
    """What the request said of itself besides, by name: headers of a proxy, its certificate, claims that nobody signed.
    Recorded, never believed."""

    def __repr__(self) -> str:
        return f"AuditEntry({self.kind.value}, {self.outcome.name}, {self.request_id!r}, ***)"


class AuditSealer:
    """Seals and opens entries for one tenant."""

    def __init__(self, keys: Secrets, tenant: str) -> None:
        """Take the keys of purpose `audit_seal`; the active one seals."""
        self._keys = keys
        self._tenant = tenant.encode()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(AuditEntry)
        self._renew()

    def seal(self, entry: AuditEntry) -> bytes:
        """Return the entry sealed, padded to 512 bytes."""
        if self._left == 0:
            self._renew()
        self._left -= 1
        return self._cipher.seal(self._encoder.encode(entry), _BUCKET)

    def open(self, sealed: bytes) -> AuditEntry:
        """Return the entry in `sealed`, of this or any earlier sealer of the tenant. Raises `SealBroken`."""
        key_id = key_id_of(_MARKER, sealed)
        for secret in (self._keys.active, *self._keys.earlier):
            cipher = self._bound(secret, key_id)
            # The commitment tells which key it was: no second key opens the same bytes.
            if cipher.committed_by(sealed):
                return self._decoder.decode(cipher.open(sealed))
        raise SealBroken

    def _renew(self) -> None:
        self._cipher = self._bound(self._keys.active, os.urandom(KEY_ID_BYTES))
        self._left = _MOST_ENTRIES

    def _bound(self, secret: bytes, key_id: bytes) -> BoundCipher:
        return BoundCipher(_MARKER, secret, key_id, canonical(_MARKER, self._tenant, key_id, b"audit"))
