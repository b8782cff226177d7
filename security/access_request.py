"""What a sharing decision is made from: who asks and how, and what is known of the record (sharing rules 1)."""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import Self

import msgspec

from fhir_profiles.sections import Section, Tier
from security import cells
from security.consent_compile import CompiledConsents
from security.labels import SFlag
from security.principal import Principal, Purpose, RoleWord
from security.proxies import ProxyAuthority


class Relationship(StrEnum):
    """The legitimate relationship between the caller and the person (`lr`)."""

    ESTABLISHED = "established"
    SELF_CLAIMED = "self_claimed"
    NONE = "none"


class ConsentState(StrEnum):
    """Where sharing between organisations stands, for one caller at one time."""

    IMPLIED = "implied"
    NOT_RECORDED = "not_recorded"
    EXPLICIT = "explicit"
    BEST_INTERESTS = "best_interests"
    DISSENT = "dissent"
    DISSENT_ABSOLUTE = "dissent_absolute"


class Life(StrEnum):
    """Whether the person is known to have died, and how that is known."""

    ALIVE = "alive"
    VERIFIED_DEATH = "verified_death"
    INFORMAL_DEATH = "informal_death"
    FORMAL_DEATH = "formal_death"


class Basis(StrEnum):
    """Why glass is broken (4). A refusal by a person who is present and has capacity is not a basis: it has no word."""

    LACKS_CAPACITY = "lacks_capacity"
    UNABLE_TO_ASK = "unable_to_ask"
    PUBLIC_INTEREST = "public_interest"


class BreakGlass(msgspec.Struct, frozen=True):
    """A request for emergency access (4).

    `echo_matches`: whether the NHS number and birth date that the caller repeated are the record's; compared after the
    look-up, so None until then.
    """

    basis: Basis | None
    reason: str
    senior: str | None = None
    echo_matches: bool | None = None


def new_decision_id() -> str:
    """Return a fresh id for a decision: a random UUID, as a Bundle that it released can carry it."""
    digits = secrets.token_hex(16)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


class AccessRequest(msgspec.Struct, frozen=True):
    """Who asks, for what, and in what circumstances.

    `relationship` is what the caller claims until the record was looked up, and what was found after that: None before
    the look-up, where nothing is claimed. `purpose` is None for a purpose that is known to FHIR and never served here.
    `by_incident`: the relationship that was found rests on an open incident that the control room registered, and on
    nothing else; what the person permits in emergencies alone opens to nobody else. `id` becomes the decision's id, so
    that deciding itself is free of chance (I10).
    """

    role: RoleWord
    organisation: str
    purpose: Purpose | None
    user: str | None = None
    relationship: Relationship | None = None
    incident: str | None = None
    self_claim_reason: str | None = None
    assurance: int = 1
    break_glass: BreakGlass | None = None
    by_incident: bool = False
    id: str = msgspec.field(default_factory=new_decision_id)

    @classmethod
    def of(
        cls,
        principal: Principal,
        relationship: Relationship | None = None,
        break_glass: BreakGlass | None = None,
        *,
        by_incident: bool = False,
    ) -> Self:
        """Return the request of a verified caller."""
        return cls(
            role=principal.role,
            organisation=principal.organisation,
            purpose=principal.purpose,
            user=principal.user.id if principal.user is not None else None,
            relationship=relationship,
            incident=principal.incident,
            self_claim_reason=principal.self_claim_reason,
            assurance=principal.assurance,
            break_glass=break_glass,
            by_incident=by_incident,
        )


class RecordFacts(msgspec.Struct, frozen=True):
    """What the decision needs to know of an existing record.

    `consents` is the compiled Consents of the record, or a state that is known otherwise. `withheld` are cells
    (`security.cells`) that the person closed to everybody, beside any Consent. `days_since_death` counts from the
    formal notification; None when it is not known. `proxy` is the authority of a proxy who asks, where the record has
    it. `frozen`: the person's NHS number was declared invalid, and nobody has settled yet who the record is about.
    """

    consents: CompiledConsents | ConsentState
    sflag: SFlag = SFlag.UNRESTRICTED
    life: Life = Life.ALIVE
    days_since_death: int | None = None
    owner_org: bool = False
    withheld: int = cells.NONE
    proxy: ProxyAuthority | None = None
    frozen: bool = False


def withheld_cells(words: frozenset[Section | Tier]) -> int:
    """Return the cells of sections and tiers that a person closed."""
    closed = cells.NONE
    for word in words:
        closed |= cells.of_tier(word) if isinstance(word, Tier) else cells.row(word)
    return closed
