"""The sharing policy: everything of the rules that a Caldicott Guardian signs off, as versioned data.

A policy is a JSON document with an id, a version and a hash over its canonical bytes; id, version and hash go into
every decision, and so into every audit entry (rule 3). It holds the matrix of roles and tiers, the purposes each role
may ask for, the settings, the gates, the write table and the fixed sentences. A document with an unknown word, a
missing cell or a value out of range is refused as a whole: nothing here is read as a neighbour, and nothing has a
default in code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from fhir_profiles.sections import Section, Tier
from security import cells
from security.errors import InvalidPolicy
from security.principal import CLINICAL_ROLES, Purpose, Role

BASE_POLICY = Path(__file__).parent / "policies" / "base.json"


class Cell(StrEnum):
    """A cell of the matrix (rule 3)."""

    PERMIT = "P"
    EXPLICIT = "E"
    BREAK_GLASS = "B"
    NEVER = "X"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The values that a deployment signs off; both values of each choice are supported."""

    refusal: Literal["explain_known", "hide"]
    sflag_policy: Literal["strip", "not_found"]
    days_after_death: Annotated[int, msgspec.Meta(ge=0)]
    purposes_without_consent: frozenset[Purpose]
    break_glass_minutes: Annotated[int, msgspec.Meta(ge=1)]
    break_glass_opens: Literal["emergency_summary", "plan"]
    break_glass_opens_reserved: Literal["no", "yes"]
    emergency_summary_sections: frozenset[Section]


class Gates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parts of the rules that a deployment switches on when it is ready to run them; off means denied."""

    break_glass: bool
    proxy: bool
    self_claim: bool


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
    roles: dict[Role, tuple[WriteRow, ...]]


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
    matrix: dict[Role, dict[str, Cell]]
    allowed: dict[Role, frozenset[Purpose]]
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


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """A policy in force. Made by `parse` or `load` only, so that `hash` is that of the document it came from."""

    id: str
    version: str
    hash: str
    rows: Mapping[Role, Row]
    allowed: frozenset[tuple[Role, Purpose]]
    settings: Settings
    gates: Gates
    writes: Writes
    texts: Texts
    sign_off: Mapping[str, str]
    break_glass_cells: int

    def letter(self, role: Role, tier: Tier) -> Cell:
        """Return the cell of the matrix; X for a role without a row."""
        row = self.rows.get(role)
        return row.letters[tier] if row is not None else Cell.NEVER


def _row(letters: Mapping[str, Cell]) -> Row:
    in_order = tuple(letters[tier.name] for tier in Tier)
    permit = {tier for tier in Tier if in_order[tier] is Cell.PERMIT}
    explicit = permit | {tier for tier in Tier if in_order[tier] is Cell.EXPLICIT}
    emergency = explicit | {tier for tier in Tier if in_order[tier] is Cell.BREAK_GLASS}
    return Row(
        letters=in_order,
        always=cells.opened_by(permit),
        with_explicit_consent=cells.opened_by(explicit),
        with_break_glass=cells.opened_by(emergency) & ~cells.RESTRICTED_BY_LAW,
        flagged_when_closed=cells.opened_by(explicit) & ~cells.NEVER_FLAGGED,
        critical_is_permitted=Tier.T1 in permit,
    )


def _problems(document: _Document) -> list[str]:
    tiers = {tier.name for tier in Tier}
    found = [
        f"matrix: the row of {role.value} must have exactly the tiers {', '.join(sorted(tiers))}"
        for role, letters in document.matrix.items()
        if set(letters) != tiers
    ]
    found += [
        f"allowed: {role.value} has purposes but no row in the matrix"
        for role, purposes in document.allowed.items()
        if purposes and role not in document.matrix
    ]
    found += [
        f"matrix: {role.value} is not a clinical role, so it cannot break glass"
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
        rows={role: _row(letters) for role, letters in document.matrix.items()},
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
