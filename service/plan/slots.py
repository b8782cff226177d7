"""The sections of the emergency summary, in the order in which a crew reads them, and their fixed sentences.

Every section answers with one of three states and a sentence; an empty section is never used for what was withheld or
failed (sharing rules 5.4, hazards H6 and H7).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from fhir_profiles.sections import Section


class SectionState(StrEnum):
    """What a section of the summary answers. `recorded` means that something is, if only that nothing was decided."""

    RECORDED = "recorded"
    NOT_RECORDED = "not-recorded"
    WITHHELD = "withheld-or-unavailable"


class Slot(IntEnum):
    """A place in the summary. The numbers are part of stored lines: append only."""

    IDENTITY = 0
    CPR = 1
    CEILING = 2
    LEGAL = 3
    PLACE = 4
    MEDICINES = 5
    ALLERGIES = 6
    CALL = 7
    COMMUNICATION = 8
    SAFETY = 9


@dataclass(frozen=True, slots=True)
class SlotText:
    """A slot's title, the record's sections it draws on, and what it says when it has nothing to show."""

    title: str
    sections: tuple[Section, ...]
    not_recorded: str
    withheld: str


_DECISIONS_WITHHELD = "CPR / escalation decisions exist or may exist but are withheld; do not infer their absence"

PLAN_WITHOUT_CPR = (
    "NO CPR DECISION RECORDED - this does not mean the person has none. "
    "The treatment escalation plan below is not a CPR decision."
)
NO_BOX = "No anticipatory medicines are recorded as being in the home."

SLOTS: dict[Slot, SlotText] = {
    Slot.IDENTITY: SlotText(
        "Is it this person?",
        (Section.DEMOGRAPHICS,),
        "IDENTITY NOT RECORDED",
        "Identity is withheld or unavailable",
    ),
    Slot.CPR: SlotText(
        "Cardiopulmonary resuscitation",
        (Section.CPR_DECISION,),
        "NO CPR DECISION RECORDED - this does not mean the person has none",
        _DECISIONS_WITHHELD,
    ),
    Slot.CEILING: SlotText(
        "Ceiling of treatment and what to do if",
        (Section.TREATMENT_ESCALATION,),
        "NO TREATMENT ESCALATION PLAN RECORDED - this does not mean the person has none",
        _DECISIONS_WITHHELD,
    ),
    Slot.LEGAL: SlotText(
        "Advance decision and lasting power of attorney",
        (
            Section.ADRT,
            Section.LPA_HEALTH_WELFARE,
        ),
        "NO ADVANCE DECISION OR LASTING POWER OF ATTORNEY RECORDED - this does not mean there is none",
        _DECISIONS_WITHHELD,
    ),
    Slot.PLACE: SlotText(
        "Preferred place of care and death",
        (Section.PREFERRED_PLACE,),
        "PREFERRED PLACE NOT RECORDED - ask the person or those close to them",
        "The preferred place is withheld or unavailable; do not infer that there is none",
    ),
    Slot.MEDICINES: SlotText(
        "Anticipatory medicines",
        (Section.ANTICIPATORY_MEDICINES,),
        "NO ANTICIPATORY MEDICINES RECORDED - there may still be some in the home",
        "Anticipatory medicines are withheld or unavailable; do not infer that there are none",
    ),
    Slot.ALLERGIES: SlotText(
        "Allergies",
        (Section.ALLERGIES,),
        "ALLERGIES NOT RECORDED - this does not mean there are none",
        "Allergies are withheld or unavailable; do not infer that there are none",
    ),
    Slot.CALL: SlotText(
        "Who to call",
        (Section.EMERGENCY_CONTACTS,),
        "NO CONTACTS RECORDED",
        "Contacts are withheld or unavailable",
    ),
    Slot.COMMUNICATION: SlotText(
        "Communication needs",
        (Section.COMMUNICATION_NEEDS,),
        "COMMUNICATION NEEDS NOT RECORDED - ask",
        "Communication needs are withheld or unavailable",
    ),
    Slot.SAFETY: SlotText(
        "Safety alerts",
        (Section.SAFETY_ALERTS,),
        "NO SAFETY ALERTS RECORDED - assess the scene as always",
        "Safety alerts are withheld or unavailable; assess the scene as always",
    ),
}
