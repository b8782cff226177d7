"""R4 invariants that a JSON Schema cannot say, each a function from a resource to its problems.

They run whether or not the resource fits the schema, so that every problem is found at once, and must never raise:
parts of the wrong shape are passed over, since the schema speaks of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fhir_profiles import json
from fhir_profiles.issues import Issue, error
from fhir_profiles.ordering import is_after

Json = dict[str, Any]
Rule = Callable[[Json], Iterator[Issue]]

_CONDITION_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_CONDITION_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_ALLERGY_VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
_CONSENT_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"


def objects(value: object) -> list[Json]:
    """Return the objects of a list, or nothing where it is no list."""
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def codings(concept: object) -> set[tuple[Any, Any]]:
    """Return the (system, code) pairs of a CodeableConcept."""
    if not isinstance(concept, dict):
        return set()
    return {
        (system, code)
        for part in objects(concept.get("coding"))
        if isinstance(system := part.get("system"), str) and isinstance(code := part.get("code"), str)
    }


def has_value(element: Json, name: str = "value") -> bool:
    """Tell whether the choice element `name`[x] is there, in any type, or by its extensions alone."""
    # Most keys are nothing like it, and to see that costs less than to strip them.
    return any(key.lstrip("_").startswith(name) and key.lstrip("_") != name for key in element if name in key)


def check_invariants(resource: Json) -> Iterator[Issue]:
    """Yield the broken invariants of the resource's type, and of every type."""
    if "contained" in resource or _has_local_reference_or_null(resource):
        yield from _references_and_nulls(resource)
    for rule in _RULES.get(resource["resourceType"], ()):
        yield from rule(resource)


def _allergy(resource: Json) -> Iterator[Issue]:
    in_error = (_ALLERGY_VERIFICATION, "entered-in-error") in codings(resource.get("verificationStatus"))
    has_status = "clinicalStatus" in resource
    if not in_error and not has_status:
        yield error(
            "invariant",
            "AllergyIntolerance.clinicalStatus",
            "`clinicalStatus` is required unless the entry was made in error (ait-1).",
        )
    if in_error and has_status:
        yield error(
            "invariant", "AllergyIntolerance.clinicalStatus", "An entry made in error has no `clinicalStatus` (ait-2)."
        )


def _condition(resource: Json) -> Iterator[Issue]:
    if has_value(resource, "abatement"):
        clinical = {code for system, code in codings(resource.get("clinicalStatus")) if system == _CONDITION_CLINICAL}
        if not clinical & {"resolved", "remission", "inactive"}:
            yield error(
                "invariant",
                "Condition.clinicalStatus",
                "A condition with an abatement must be resolved, in remission or inactive (con-4).",
            )
    in_error = (_CONDITION_VERIFICATION, "entered-in-error") in codings(resource.get("verificationStatus"))
    if in_error and "clinicalStatus" in resource:
        yield error("invariant", "Condition.clinicalStatus", "An entry made in error has no `clinicalStatus` (con-5).")


def _consent(resource: Json) -> Iterator[Issue]:
    scopes = {code for system, code in codings(resource.get("scope")) if system == _CONSENT_SCOPE}
    if scopes and "patient" not in resource:
        yield error("required", "Consent.patient", "A Consent of this scope needs `patient` (ppc-2 to ppc-5).")


def _dispense(resource: Json) -> Iterator[Issue]:
    if is_after(resource.get("whenPrepared"), resource.get("whenHandedOver")):
        yield error(
            "invariant",
            "MedicationDispense.whenHandedOver",
            "Medicines cannot be handed over before they are prepared (mdd-1).",
        )


def _observation(resource: Json) -> Iterator[Issue]:
    components = resource.get("component")
    if not isinstance(components, list):
        return
    own = codings(resource.get("code"))
    if not own or not has_value(resource):
        return
    for index, component in enumerate(components):
        if isinstance(component, dict) and own & codings(component.get("code")):
            yield error(
                "invariant",
                f"Observation.component[{index}].code",
                "A component cannot have the code of the observation when that has a value (obs-7).",
            )


_RULES: dict[str, tuple[Rule, ...]] = {
    "AllergyIntolerance": (_allergy,),
    "Condition": (_condition,),
    "Consent": (_consent,),
    "MedicationDispense": (_dispense,),
    "Observation": (_observation,),
}


def _has_local_reference_or_null(resource: Json) -> bool:
    """Look for what `_references_and_nulls` judges; most resources have none, and looking is cheaper than judging.

    To encode it and search the bytes takes a sixth of a walk over it. A text that holds the word only costs the walk.
    """
    written = json.encode(resource)
    return b'"#' in written or b"null" in written


def _references_and_nulls(resource: Json) -> Iterator[Issue]:
    """Check what needs the whole resource: ref-1, dom-3, and nulls that stand for nothing."""
    kind: str = resource["resourceType"]
    contained = {part["id"] for part in objects(resource.get("contained")) if isinstance(part.get("id"), str)}
    used: set[str] = set()
    waiting: list[tuple[str, Any]] = [(kind, resource)]
    while waiting:
        place, node = waiting.pop()
        if type(node) is dict:
            reference = node.get("reference")
            if type(reference) is str and reference[:1] == "#":
                used.add(reference[1:])
                if len(reference) > 1 and reference[1:] not in contained:
                    yield error("invariant", f"{place}.reference", "No contained resource has this id (ref-1).")
            for name, part in node.items():
                if type(part) is dict:
                    waiting.append((f"{place}.{name}", part))
                elif type(part) is list:
                    if None in part:
                        yield from _idle_nulls(node, name, place)
                    waiting += [(f"{place}.{name}[{at}]", item) for at, item in enumerate(part) if type(item) is dict]
    yield from _unused(resource, kind, used) if contained else ()


def _idle_nulls(node: Json, name: str, place: str) -> Iterator[Issue]:
    """A null keeps the place of an item whose other half (`given` / `_given`) has something there."""
    other = node.get(name[1:] if name.startswith("_") else f"_{name}")
    others = other if isinstance(other, list) else []
    for index, item in enumerate(node[name]):
        if item is None and (index >= len(others) or others[index] is None):
            yield error(
                "value", f"{place}.{name.lstrip('_')}[{index}]", "A null must be matched by extensions at its place."
            )


def _unused(resource: Json, kind: str, used: set[str]) -> Iterator[Issue]:
    for index, part in enumerate(resource["contained"]):
        if not isinstance(part, dict) or part.get("id") in used or _mentions_container(part):
            continue
        yield error("invariant", f"{kind}.contained[{index}]", "Nothing refers to this contained resource (dom-3).")


def _mentions_container(part: object) -> bool:
    if isinstance(part, dict):
        return part.get("reference") == "#" or any(_mentions_container(value) for value in part.values())
    return isinstance(part, list) and any(_mentions_container(value) for value in part)
