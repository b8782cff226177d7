"""The grid that every sharing rule is worked out on: one bit for each (section, tier).

An entry lies in a cell: its section, and its own tier, which is that of the section or higher (`security.labels`). A
tier or a section that is opened or closed is a set of cells, held as one integer, so that rules combine with `&` and
`|` and a decision costs no loop over the record.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from fhir_profiles.sections import DECISION_GROUP, TIER, Section, Tier

SECTIONS = tuple(Section)
TIERS = tuple(Tier)
_WIDTH = len(TIERS)
_BYTES = (len(SECTIONS) * _WIDTH + 7) // 8

_INDEX = {section: position for position, section in enumerate(SECTIONS)}
CELL: dict[tuple[Section, Tier], int] = {
    (section, tier): 1 << (_INDEX[section] * _WIDTH + tier) for section in SECTIONS for tier in TIERS
}
"""The bit of each cell. A pair that is not here has none, and so is never open (I15)."""

NONE = 0
ALL = (1 << (len(SECTIONS) * _WIDTH)) - 1


def row(section: Section) -> int:
    """Return every cell of one section."""
    return ((1 << _WIDTH) - 1) << (_INDEX[section] * _WIDTH)


def column(tier: Tier) -> int:
    """Return the cells of entries that have this tier, in every section."""
    return sum(CELL[section, tier] for section in SECTIONS)


def of_sections(sections: Iterable[Section]) -> int:
    """Return every cell of these sections."""
    return sum(row(section) for section in frozenset(sections))


def of_tier(tier: Tier) -> int:
    """Return everything a tier stands for: entries of that tier anywhere, and all of the sections that have it."""
    return column(tier) | of_sections(section for section in SECTIONS if TIER[section] is tier)


def opened_by(tiers: Iterable[Tier]) -> int:
    """Return the cells that open when these tiers are open.

    Both the section's own tier and the entry's must be open: the matrix is not monotone (a patient sees T7, not T6), so
    the higher of the two does not speak for the other.
    """
    granted = frozenset(tiers)
    return sum(bit for (section, tier), bit in CELL.items() if tier in granted and TIER[section] in granted)


def own(section: Section) -> int:
    """Return the cell of ordinary entries of a section: those with the section's own tier."""
    return CELL[section, TIER[section]]


DECISION_GROUP_ROWS = of_sections(DECISION_GROUP)
DECISION_GROUP_OWN = sum(own(section) for section in DECISION_GROUP)

SAFEGUARDING = of_tier(Tier.T5)
GOVERNED_BY_CONSENT = ALL & ~SAFEGUARDING
"""Everything but safeguarding, whose visibility the safeguarding lead sets (5.1)."""

RESTRICTED_BY_LAW = of_tier(Tier.T7)
LOCATION = of_tier(Tier.L)
NEVER_FLAGGED = of_tier(Tier.T5) | of_tier(Tier.T6) | of_tier(Tier.T7)
"""Closing these is never shown, so that their presence is not (5.5, I9)."""


def pack(cells: int) -> bytes:
    """Return cells as bytes for storage; nothing at all stands for every cell, those of sections to come included."""
    return b"" if cells == ALL else cells.to_bytes(_BYTES, "little")


def unpack(packed: bytes) -> int:
    """Return the cells that `pack` stored."""
    return int.from_bytes(packed, "little") if packed else ALL


@lru_cache(maxsize=1024)
def sections_of(cells: int) -> int:
    """Return the open sections as a bitmask in order of `Section`: those whose ordinary entries are open."""
    return sum(1 << position for position, section in enumerate(SECTIONS) if cells & own(section))


@lru_cache(maxsize=1024)
def tiers_of(cells: int) -> int:
    """Return the open tiers as a bitmask in order of `Tier`: those of which at least one section is open."""
    return sum(1 << tier for tier in {TIER[section] for section in SECTIONS if cells & own(section)})


@lru_cache(maxsize=4096)
def of_grants(grants: tuple[tuple[Section, Tier], ...]) -> int:
    """Return the cells of these (section, tier) pairs; a pair that does not exist adds none."""
    cells = NONE
    for grant in grants:
        cells |= CELL.get(grant, NONE)
    return cells
