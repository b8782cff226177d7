"""Our profiles, enforced: what the record asks of a resource beyond R4 (see `package/StructureDefinition-*.json`).

An entry made in error is not judged: it must be possible to withdraw what should never have been accepted. Rules never
raise on a resource of the wrong shape; the schema speaks of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fhir_profiles.canonical import structure_definition
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from fhir_profiles.invariants import codings, has_value, objects
from fhir_profiles.issues import Issue, error
from fhir_profiles.terminology import EPACCS, SNOMED, cpr_meaning

Json = dict[str, Any]
Rule = Callable[[Json], Iterator[Issue]]

CPR_DECISION = (SNOMED, "304251008")
PREFERRED_PLACE_OF_DEATH = (SNOMED, "395091006")
PREFERRED_PLACE_OF_CARE = (EPACCS, "preferred-place-of-care")
TREATMENT_ESCALATION_PLAN = (SNOMED, "735324008")
ANTICIPATORY = (SNOMED, "443761007")
DECISION_REVIEW = (EPACCS, "decision-review")
RECORD_CREATION = (EPACCS, "record-creation")

_RANK = structure_definition("preference-rank")
_LEVEL = structure_definition("treatment-level")


def check_profiles(resource: Json) -> Iterator[Issue]:
    """Yield what is missing from or wrong in a resource of one of our profiles."""
    kind: str = resource["resourceType"]
    if kind in _RULES and resource.get("status") != "entered-in-error":
        yield from _RULES[kind](resource)


def _observation(resource: Json) -> Iterator[Issue]:
    code = codings(resource.get("code"))
    if CPR_DECISION in code:
        yield from _stated(resource, "A CPR decision")
        yield from _cpr_value(resource)
    if PREFERRED_PLACE_OF_DEATH in code or PREFERRED_PLACE_OF_CARE in code:
        yield from _stated(resource, "A preferred place")
        for index, extension in enumerate(objects(resource.get("extension"))):
            if extension.get("url") == _RANK and extension.get("valuePositiveInt") not in (1, 2):
                yield error(
                    "value",
                    f"Observation.extension[{index}].value.ofType(positiveInt)",
                    "A preferred place is the first or the second choice: 1 or 2.",
                )


def _stated(resource: Json, what: str) -> Iterator[Issue]:
    """What every stated decision or preference needs: of whom, when, by whom, and what (or why not)."""
    if "subject" not in resource:
        yield error("required", "Observation.subject", f"{what} needs `subject`.")
    if "effectiveDateTime" not in resource:
        yield error(
            "required",
            "Observation.effective.ofType(dateTime)",
            f"{what} needs `effectiveDateTime`: when it was made, which is not when it was sent.",
        )
    performers = objects(resource.get("performer"))
    if not any(performer.keys() & {"reference", "identifier", "display"} for performer in performers):
        yield error("required", "Observation.performer", f"{what} needs a `performer`: who made or recorded it.")
    if has_value(resource) and "valueCodeableConcept" not in resource:
        yield error(
            "structure", "Observation.value", f"The value of {what.lower().replace('cpr', 'CPR')} is a CodeableConcept."
        )
    if not has_value(resource) and "dataAbsentReason" not in resource:
        yield error(
            "required",
            "Observation.value",
            f"{what} needs `valueCodeableConcept`, or `dataAbsentReason` to say why not.",
        )


def _cpr_value(resource: Json) -> Iterator[Issue]:
    if "valueCodeableConcept" not in resource:
        return
    place = "Observation.value.ofType(CodeableConcept)"
    meanings = {meaning for pair in codings(resource["valueCodeableConcept"]) if (meaning := cpr_meaning(*pair))}
    if not meanings:
        yield error(
            "code-invalid", place, "The value needs a coding of the value set CprDecision, or the local `cpr-modified`."
        )
    if len(meanings) > 1:
        yield error("code-invalid", place, "The codings of one CPR decision cannot disagree.")


def _care_plan(resource: Json) -> Iterator[Issue]:
    if not any(TREATMENT_ESCALATION_PLAN in codings(category) for category in objects(resource.get("category"))):
        return
    period = resource.get("period")
    if "created" not in resource and not (isinstance(period, dict) and "start" in period):
        yield error(
            "required",
            "CarePlan.created",
            "A treatment escalation plan needs `created` or `period.start`: when it was decided.",
        )
    if "author" not in resource and "contributor" not in resource:
        yield error(
            "required", "CarePlan.author", "A treatment escalation plan needs `author` or `contributor`: who decided."
        )
    levels = [extension for extension in objects(resource.get("extension")) if extension.get("url") == _LEVEL]
    if len(levels) > 1:
        yield error("structure", "CarePlan.extension", "A treatment escalation plan has one `treatment-level`.")
    activities = resource.get("activity")
    if not levels and not activities:
        yield error(
            "required",
            "CarePlan.activity",
            "A treatment escalation plan needs a `treatment-level`, activities, or both.",
        )
    for index, activity in enumerate(activities if isinstance(activities, list) else ()):
        detail = activity.get("detail") if isinstance(activity, dict) else None
        if isinstance(detail, dict) and "doNotPerform" not in detail:
            yield error(
                "required",
                f"CarePlan.activity[{index}].detail.doNotPerform",
                "An intervention must be marked recommended (`doNotPerform` false) or not (true).",
            )


def _medication_request(resource: Json) -> Iterator[Issue]:
    is_anticipatory = any(ANTICIPATORY in codings(category) for category in objects(resource.get("category")))
    if is_anticipatory and "dosageInstruction" not in resource:
        yield error(
            "required", "MedicationRequest.dosageInstruction", "An anticipatory medicine needs `dosageInstruction`."
        )


def _task(resource: Json) -> Iterator[Issue]:
    if DECISION_REVIEW not in codings(resource.get("code")):
        return
    focus = resource.get("focus")
    if not (isinstance(focus, dict) and "reference" in focus):
        yield error("required", "Task.focus", "A decision review needs `focus`: the decision.")
    restriction = resource.get("restriction")
    period = restriction.get("period") if isinstance(restriction, dict) else None
    if not (isinstance(period, dict) and "end" in period):
        yield error(
            "required",
            "Task.restriction.period.end",
            "A decision review needs `restriction.period.end`: the review date.",
        )


def _consent(resource: Json) -> Iterator[Issue]:
    if (
        any(RECORD_CREATION in codings(category) for category in objects(resource.get("category")))
        and "dateTime" not in resource
    ):
        yield error("required", "Consent.dateTime", "Consent to make the record needs `dateTime`: when it was given.")


def _patient(resource: Json) -> Iterator[Issue]:
    numbers = {
        identifier["value"]
        for identifier in objects(resource.get("identifier"))
        if identifier.get("system") == NHS_NUMBER_SYSTEM
        and identifier.get("use") != "old"
        and isinstance(identifier.get("value"), str)
    }
    if len(numbers) > 1:
        yield error(
            "business-rule", "Patient.identifier", "A person has one NHS number; mark former ones with use `old`."
        )


_RULES: dict[str, Rule] = {
    "CarePlan": _care_plan,
    "Consent": _consent,
    "MedicationRequest": _medication_request,
    "Observation": _observation,
    "Patient": _patient,
    "Task": _task,
}
