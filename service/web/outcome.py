"""What became of a plan: the note that a crew leaves afterwards, as a FHIR Communication. Pure.

https://hl7.org/fhir/R4/communication.html. It is written like any other resource, by the crew member who says it, and
whoever may read the care plan reads it: the practice that holds the plan, and the hospice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from fhir_profiles.canonical import code_system
from fhir_profiles.sections import Section
from security.clock import instant
from security.principal import NamedPerson

LONGEST_TEXT = 1_000
"""Characters of what a crew may add in words."""

PLAN_OUTCOME = code_system("plan-outcome")
FOLLOWED, NOT_FOLLOWED = "followed", "not-followed"
REASONS: Mapping[str, str] = {
    "wishes-changed": "The person wanted something else",
    "others-disagreed": "Family or others present wanted something else",
    "medicines-missing": "Medicines were not there, or could not be given",
    "nobody-could-come": "No service could come",
    "not-reliable": "The decision could not be relied on",
    "other-emergency": "It was something the plan does not speak of",
    "other-reason": "Another reason: say it below",
}
"""Why a plan could not be followed, by code, in the order in which it is asked."""

_SAID = {FOLLOWED: "Plan followed", NOT_FOLLOWED: "Plan not followed"}
_USER_ID = "https://fhir.nhs.uk/Id/sds-user-id"


class Missing(NamedTuple):
    """What is missing or wrong: in which field of the form, and in a sentence that repeats nothing."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a crew said: `followed` or `not-followed` with a reason, and words of their own."""

    kind: str
    reason: str = ""
    text: str = ""

    @property
    def problem(self) -> Missing | None:
        """What is missing; None when nothing is."""
        if self.kind not in _SAID:
            return Missing("outcome", "Choose whether the plan was followed.")
        if self.kind == NOT_FOLLOWED and self.reason not in REASONS:
            return Missing("reason", "Choose why the plan could not be followed.")
        if self.reason == "other-reason" and not self.text:
            return Missing("text", "Say in a few words why the plan could not be followed.")
        if len(self.text) > LONGEST_TEXT:
            long = f"Your text has {len(self.text)} characters. Shorten it to {LONGEST_TEXT} at most."
            return Missing("text", long)
        if any(not one.isprintable() and one not in "\r\n\t" for one in self.text):
            return Missing("text", "Your text holds characters that cannot be printed. Type it again.")
        return None

    @property
    def words(self) -> str:
        """What was said, in one sentence without the crew's own words."""
        return f"{_SAID[self.kind]}{f': {REASONS[self.reason]}' if self.kind == NOT_FOLLOWED else ''}".partition(
            ": say it"
        )[0]


def communication(outcome: Outcome, patient: str, by: NamedPerson, now: datetime) -> dict[str, Any]:
    """Return the note about a person (`Patient/id`) by a crew member."""
    resource: dict[str, Any] = {
        "resourceType": "Communication",
        "status": "completed",
        "category": [
            {"coding": [{"system": PLAN_OUTCOME, "code": outcome.kind, "display": _SAID[outcome.kind]}]},
            {"coding": [{"system": code_system("section"), "code": Section.CARE_PLAN}]},
        ],
        "subject": {"reference": patient},
        "sent": instant(now),
        "sender": {
            "type": "Practitioner",
            "identifier": {"system": _USER_ID, "value": by.id},
            "display": by.name,
        },
        "payload": [{"contentString": f"{outcome.words}."}],
    }
    if outcome.kind == NOT_FOLLOWED:
        reason = {"system": PLAN_OUTCOME, "code": outcome.reason}
        resource["reasonCode"] = [{"coding": [reason], "text": REASONS[outcome.reason].partition(": say it")[0]}]
    if outcome.text:
        resource["payload"].append({"contentString": outcome.text.replace("\r\n", "\n")})
    return resource
