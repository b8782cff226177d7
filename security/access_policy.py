"""The sharing policy: everything of the rules that a Caldicott Guardian signs off, as versioned data.

A policy is a JSON document with an id, a version and a hash over its canonical bytes; id, version and hash go into
every decision, and so into every audit entry (rule 3). It holds the matrix of roles and tiers, the purposes each role
may ask for, the roles that it adds, the settings, the gates, the write table and the fixed sentences. A document with
an unknown word, a missing cell or a value out of range is refused as a whole: nothing here is read as a neighbour, and
nothing has a default in code. `security.localities` makes the policies of localities from it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from fhir_profiles.sections import TIER, Section, Tier
from security import cells
from security.errors import InvalidPolicy
from security.principal import BUILT_IN_ROLES, CLINICAL_ROLES, Purpose, RoleWord

BASE_POLICY = Path(__file__).parent / "policies" / "base.json"
_ROLE_WORD = re.compile(r"[a-z][a-z0-9_]{1,31}")


class Cell(StrEnum):
    """A cell of the matrix (rule 3)."""

    PERMIT = "P"
    EXPLICIT = "E"
    BREAK_GLASS = "B"
    NAMED = "N"
    """Only where the person's Consent permits it to this caller by name: its organisation, its role, or its user."""
    NEVER = "X"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The values that a deployment signs off; both values of each choice are supported."""

    refusal: Literal["explain_known", "hide"]
    sflag_policy: Literal["strip", "not_found"]
    days_after_death: Annotated[int, msgspec.Meta(ge=0)]
    purposes_without_consent: frozenset[Purpose]
    break_glass_minutes: Annotated[int, msgspec.Meta(ge=1)]
    break_glass_tries: Annotated[int, msgspec.Meta(ge=1)]
    break_glass_lock_minutes: Annotated[int, msgspec.Meta(ge=1)]
    break_glass_opens: Literal["emergency_summary", "plan"]
    break_glass_opens_reserved: Literal["no", "yes"]
    emergency_summary_sections: frozenset[Section]


class Gates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parts of the rules that a deployment switches on when it is ready to run them; off means denied."""

    break_glass: bool
    proxy: bool
    self_claim: bool


class AddedRole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A role that the policy adds to those that rules speak of (rule 3). It is never clinical.

    `relationship` says where its relationship to a person comes from: `organisation`, as for everybody (care team,
    registration, placement, incident); `locality`, its organisation serves the whole locality of the person; `named`, a
    Consent of the person permits something to its organisation or user by name. `only`: the sections that it can have
    at all, whatever the matrix says of their tiers.
    """

    meaning: str
    relationship: Literal["organisation", "locality", "named"]
    only: frozenset[Section] | Literal["all"] = "all"


class Locality(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose policy this is. `places` are the ODS codes of the practices, care homes and hospices that lie in it.

    `serving`: organisations that serve everybody there, by role. `privacy_officers`: organisations whose privacy
    officers answer for the whole locality, and not for their own organisation alone.
    """

    name: str
    places: frozenset[str] = frozenset()
    serving: dict[RoleWord, frozenset[str]] = {}
    privacy_officers: frozenset[str] = frozenset()


class WriteRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing a role may write (5.9).

    `without_person`: also when no human is named, by a system client that is registered for the role.
    """

    sections: frozenset[Section] | Literal["all"]
    types: frozenset[str] | Literal["all"]
    interactions: frozenset[Literal["create", "update", "delete"]]
    without_person: bool = False


class Writes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The write table (5.9): rows by role, and the sections that need a clinician's identity."""

    decision_sections: frozenset[Section]
    roles: dict[RoleWord, tuple[WriteRow, ...]]


class Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fixed sentences; the same for everybody they are shown to."""

    not_shared_with_you: str
    critical_withheld: str
    static_withholding_notice: str
    emergency_access_hint: str


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    version: str
    sign_off: dict[str, str]
    locality: Locality
    added_roles: dict[RoleWord, AddedRole]
    matrix: dict[RoleWord, dict[str, Cell]]
    allowed: dict[RoleWord, frozenset[Purpose]]
    settings: Settings
    gates: Gates
    writes: Writes
    texts: Texts


class Row(msgspec.Struct, frozen=True):
    """One role's row of the matrix, worked out as cells of the grid (`security.cells`)."""

    letters: tuple[Cell, ...]
    always: int
    """What P opens."""
    with_explicit_consent: int
    """What P and E open."""
    with_break_glass: int
    """What P, E and B open in an emergency: never what the law restricts (4)."""
    flagged_when_closed: int
    """The cells the role could have (P or E) whose closing is flagged (5.5)."""
    critical_is_permitted: bool
    """Whether T1 is P, so that an absent decision group is said to be withheld (I5)."""
    when_named: int = cells.NONE
    """What N opens, where a Consent names the caller."""
    only: frozenset[Section] | Literal["all"] = "all"


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """A policy in force. Made by `parse` or `load` only, so that `hash` is that of the document it came from."""

    id: str
    version: str
    hash: str
    rows: Mapping[RoleWord, Row]
    allowed: frozenset[tuple[RoleWord, Purpose]]
    settings: Settings
    gates: Gates
    writes: Writes
    texts: Texts
    sign_off: Mapping[str, str]
    break_glass_cells: int
    added_roles: Mapping[RoleWord, AddedRole]
    locality: Locality

    @property
    def roles(self) -> frozenset[RoleWord]:
        """Every role that there is under this policy."""
        return BUILT_IN_ROLES | frozenset(self.added_roles)

    def letter(self, role: RoleWord, tier: Tier) -> Cell:
        """Return the cell of the matrix; X for a role without a row."""
        row = self.rows.get(role)
        return row.letters[tier] if row is not None else Cell.NEVER

    def letter_of(self, role: RoleWord, section: Section) -> Cell:
        """Return the cell of the matrix for the ordinary entries of one section; X where the role has it never."""
        row = self.rows.get(role)
        if row is None or not (row.only == "all" or section in row.only):
            return Cell.NEVER
        return row.letters[TIER[section]]


def _row(letters: Mapping[str, Cell], only: frozenset[Section] | Literal["all"] = "all") -> Row:
    within = cells.ALL if only == "all" else cells.of_sections(only)
    in_order = tuple(letters[tier.name] for tier in Tier)
    permit = {tier for tier in Tier if in_order[tier] is Cell.PERMIT}
    explicit = permit | {tier for tier in Tier if in_order[tier] is Cell.EXPLICIT}
    emergency = explicit | {tier for tier in Tier if in_order[tier] is Cell.BREAK_GLASS}
    named = permit | {tier for tier in Tier if in_order[tier] is Cell.NAMED}
    return Row(
        letters=in_order,
        always=cells.opened_by(permit) & within,
        with_explicit_consent=cells.opened_by(explicit) & within,
        with_break_glass=cells.opened_by(emergency) & within & ~cells.RESTRICTED_BY_LAW,
        flagged_when_closed=cells.opened_by(explicit) & within & ~cells.NEVER_FLAGGED,
        critical_is_permitted=Tier.T1 in permit,
        when_named=cells.opened_by(named) & within if Cell.NAMED in in_order else cells.NONE,
        only=only,
    )


def _problems(document: _Document) -> list[str]:
    tiers = {tier.name for tier in Tier}
    found = [
        f"matrix: the row of {role} must have exactly the tiers {', '.join(sorted(tiers))}"
        for role, letters in document.matrix.items()
        if set(letters) != tiers
    ]
    known = BUILT_IN_ROLES | set(document.added_roles)
    found += [
        f"{table}: {role} is not a role; `added_roles` can add one"
        for table, words in (
            ("matrix", document.matrix),
            ("allowed", document.allowed),
            ("writes", document.writes.roles),
            ("locality.serving", document.locality.serving),
        )
        for role in sorted(set(words) - known)
    ]
    found += [
        f"added_roles: {role} is a role already, or is not 2 to 32 small letters, digits and _"
        for role in document.added_roles
        if role in BUILT_IN_ROLES or _ROLE_WORD.fullmatch(role) is None
    ]
    found += [
        f"added_roles: {role} has no row in the matrix" for role in document.added_roles if role not in document.matrix
    ]
    found += [
        f"allowed: {role} has purposes but no row in the matrix"
        for role, purposes in document.allowed.items()
        if purposes and role not in document.matrix
    ]
    found += [
        f"matrix: {role} is not a clinical role, so it cannot break glass"
        for role, letters in document.matrix.items()
        if role not in CLINICAL_ROLES and Cell.BREAK_GLASS in letters.values()
    ]
    return found


def parse(body: bytes) -> AccessPolicy:
    """Return the policy of a JSON document.

    Raises:
        InvalidPolicy: the document is not JSON, lacks something, or says something this service does not know.

    """
    try:
        document = msgspec.json.decode(body, type=_Document)
        canonical = msgspec.json.encode(msgspec.json.decode(body), order="sorted")
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidPolicy([str(error)]) from error
    if problems := _problems(document):
        raise InvalidPolicy(problems)
    settings = document.settings
    return AccessPolicy(
        id=document.id,
        version=document.version,
        hash=hashlib.sha256(canonical).hexdigest(),
        rows={
            role: _row(letters, document.added_roles[role].only if role in document.added_roles else "all")
            for role, letters in document.matrix.items()
        },
        allowed=frozenset((role, purpose) for role, purposes in document.allowed.items() for purpose in purposes),
        settings=settings,
        gates=document.gates,
        writes=document.writes,
        texts=document.texts,
        sign_off=document.sign_off,
        break_glass_cells=(
            cells.ALL
            if settings.break_glass_opens == "plan"
            else cells.of_sections(settings.emergency_summary_sections)
        ),
        added_roles=document.added_roles,
        locality=document.locality,
    )


def load(path: Path) -> AccessPolicy:
    """Return the policy of a file. Raises InvalidPolicy, also when the file cannot be read."""
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise InvalidPolicy([f"the policy file cannot be read: {error.strerror}"]) from error


@cache
def base_policy() -> AccessPolicy:
    """Return the policy that this package ships."""
    return load(BASE_POLICY)
