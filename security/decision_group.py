"""The decision group has one fate, also where it is the label of a single entry that hides it (rule 5.3).

The decision closes or opens sections; whether an entry of the group has a higher tier than its section, which is closed
to this caller, only the record knows. Then the whole group is closed, in whatever way it is read (5.7, I16): somebody
who reads a treatment escalation plan beside a hidden CPR decision would take it for all there is.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fhir_profiles.sections import DECISION_GROUP, Section, Tier
from security import cells
from security.decision import Decision, Obligation

_SAID = cells.DECISION_GROUP_ROWS & ~cells.NEVER_FLAGGED
"""Entries of the group that are hidden at T5 to T7 count as not there, so that they cannot be noticed (5.4, I9)."""


def kept_whole(decision: Decision, present: Iterable[tuple[Section, Tier]]) -> Decision:
    """Return the decision with the group closed, and the warning, if it hides any of what the record holds of it.

    `present` are the (section, tier) of the record's current entries; those of other sections do not matter.
    """
    hidden = _SAID & ~decision.open_cells
    if not decision.permitted or not decision.decision_group_open or not hidden:
        return decision
    if not any(section in DECISION_GROUP and cells.CELL.get((section, tier), 0) & hidden for section, tier in present):
        return decision
    return msgspec.structs.replace(
        decision,
        open_cells=decision.open_cells & ~cells.DECISION_GROUP_ROWS,
        obligations=decision.obligations | {Obligation.CRITICAL_WITHHELD_WARNING},
    )
