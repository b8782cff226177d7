"""A partner's resource made one of ours: its references, its identifier, the decisions that it disagrees with. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from adapters.base import Arrived
from fhir_profiles.identifiers import ODS_SYSTEM
from fhir_profiles.terminology import EPACCS
from service.plan import vocabulary as v
from service.plan.decisions import authors_of
from service.record.changes import Change, Method
from service.record.derive import pointers_in

Resource = dict[str, Any]
_URN = "urn:epaccs:partner:"
_RELATIONS = frozenset({v.REPLACES, v.REVOKES, v.CONFLICTS_WITH})
_WHOSE = ("subject", "patient", "for")
_UNIDENTIFIED = frozenset({"Provenance", "Bundle", "Binary", "Parameters"})
"""Types that have no `identifier` in R4, or one of another form, of those that partners send."""


@dataclass(slots=True)
class Translated:
    """A resource with our references, and changes that make the companions that it needs and that are not here yet.

    `made` are the companions' references at the partner, in the order of the changes.
    """

    resource: Resource = field(repr=False)
    companions: list[Change] = field(default_factory=list)
    made: list[str] = field(default_factory=list)


def system_of(partner: str) -> str:
    """Return the identifier system of a partner's own references: an id that a sender had stays an identifier."""
    return _URN + partner


def identifier_of(partner: str, theirs: str) -> dict[str, str]:
    """Return the identifier that a resource from a partner carries here."""
    return {"system": system_of(partner), "value": theirs}


def translated(arrived: Arrived, partner: str, patient: str, ours: Mapping[str, str]) -> Translated:
    """Return what arrived as a resource of the person at `patient`. `ours` are our references by the partner's.

    A reference to what is neither here nor a companion becomes what it says besides: an identifier, a name.
    """
    assert arrived.resource is not None
    known = dict(ours)
    result = Translated(deepcopy(arrived.resource))
    for theirs, companion in arrived.companions.items():
        if theirs in known:
            continue
        urn = f"urn:uuid:{theirs.lower().replace('/', '-')}"
        known[theirs] = urn
        resource = deepcopy(companion)
        kind = resource["resourceType"]
        result.companions.append(Change(Method.CREATE, kind, kind, resource, full_url=urn))
        result.made.append(theirs)
    _drop_unknown_relations(result.resource)
    for element in _WHOSE:
        # a partner without references names the person by number alone; who that is was compared before
        if isinstance(said := result.resource.get(element), dict) and "reference" not in said:
            said["reference"] = patient
    for change in result.companions:
        assert change.resource is not None
        _point(change.resource, patient, known)
    _point(result.resource, patient, known)
    _bare(result.resource)
    for change, theirs in zip(result.companions, result.made, strict=True):
        assert change.resource is not None
        _bare(change.resource)
        _identify(change.resource, partner, theirs)
    _identify(result.resource, partner, arrived.theirs)
    return result


def with_relations_of(resource: Resource, before: Resource) -> Resource:
    """Return a new version with the relations to other decisions that the one before it had.

    A partner that does not hold those decisions cannot say them.
    """
    said = [one for one in resource.get("extension", ()) if isinstance(one, dict)]
    kept = [one for one in before.get("extension", ()) if one.get("url") in _RELATIONS and one not in said]
    return {**resource, "extension": [*said, *kept]} if kept else resource


def with_labels_of(resource: Resource, before: Resource) -> Resource:
    """Return a new version with the security labels of the one before it beside its own.

    Whoever labelled it here meant it; a partner that does not carry labels takes none away.
    """
    said, kept = labels_of(resource), labels_of(before)
    labels = [*said, *(one for one in kept if one not in said)]
    return {**resource, "meta": {**resource.get("meta", {}), "security": labels}} if labels else resource


def labels_of(resource: Resource) -> list[Any]:
    """Return the security labels of a resource; none of what has not the structure of FHIR, which is refused later."""
    meta = resource.get("meta")
    labels = meta.get("security") if isinstance(meta, dict) else None
    return list(labels) if isinstance(labels, list) else []


def disagreeing(resource: Resource, rivals: list[str]) -> Resource:
    """Return a decision that says which others it was made without knowing of: a conflict for people to settle (H3)."""
    named = [{"url": v.CONFLICTS_WITH, "valueReference": {"reference": reference}} for reference in rivals]
    return {**resource, "extension": [*resource.get("extension", ()), *named]}


def to_settle(at: str, decision: Resource, patient: str, holder: str, name: str, by: date) -> Resource:
    """Return the Task of whoever holds the record, to settle that a decision disagrees with others.

    `at` is the decision's full URL in the transaction that brings it; `holder` an ODS code, `name` what it is called.
    """
    return {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": EPACCS, "code": v.DECISION_REVIEW}]},
        "description": "Two decisions disagree and did not know of each other. Settle which holds.",
        "focus": {"reference": at},
        "for": {"reference": patient},
        **({"requester": dict(authors[0])} if (authors := authors_of(decision)) else {}),
        "owner": {"type": "Organization", "identifier": {"system": ODS_SYSTEM, "value": holder}, "display": name},
        "restriction": {"period": {"end": by.isoformat()}},
    }


def is_from(resource: Resource, partner: str, theirs: str) -> bool:
    """Say whether a resource here is a partner's own, by the identifier that it was given."""
    wanted = identifier_of(partner, theirs)
    listed = resource.get("identifier", ())
    return wanted in (listed if isinstance(listed, list) else [listed])


def theirs_of(resource: Resource, partner: str) -> str:
    """Return the partner's reference of a resource that came from it, by its identifier; '' where it has none."""
    identifiers = resource.get("identifier", ())
    listed = identifiers if isinstance(identifiers, list) else [identifiers]
    return next((one["value"] for one in listed if one and one.get("system") == system_of(partner)), "")


def _bare(resource: Resource) -> None:
    """Take off what is the sender's server's own: id, version, profiles. What may be shared at most stays (labels)."""
    labels = labels_of(resource)
    for name in ("id", "meta"):
        resource.pop(name, None)
    if labels:
        resource["meta"] = {"security": labels}


def _point(resource: Resource, patient: str, known: Mapping[str, str]) -> None:
    for pointer in pointers_in(resource):
        reference = str(pointer["reference"]).partition("/_history/")[0]
        if reference.startswith(("#", "http://", "https://")):
            continue
        if reference.startswith("Patient/"):
            pointer["reference"] = patient
        elif reference in known:
            pointer["reference"] = known[reference]
        else:
            del pointer["reference"]
            pointer.setdefault("type", reference.partition("/")[0])
            if pointer.keys() == {"type"}:
                pointer["display"] = "named by the sender, not sent"


def _drop_unknown_relations(resource: Resource) -> None:
    """Drop relations to decisions that are not known here: without a reference they say nothing."""
    listed = resource.get("extension")
    if not isinstance(listed, list):
        return
    kept = [
        one
        for one in listed
        if not isinstance(one, dict)
        or one.get("url") not in _RELATIONS
        or "reference" in (one.get("valueReference") or {})
    ]
    if kept:
        resource["extension"] = kept
    else:
        del resource["extension"]


def _identify(resource: Resource, partner: str, theirs: str) -> None:
    kind = resource["resourceType"]
    if kind in _UNIDENTIFIED:
        return
    identifier = identifier_of(partner, theirs)
    if kind in ("Composition", "QuestionnaireResponse"):
        resource.setdefault("identifier", identifier)
        return
    listed = [one for one in resource.get("identifier", ()) if one.get("system") != identifier["system"]]
    resource["identifier"] = [*listed, identifier]
