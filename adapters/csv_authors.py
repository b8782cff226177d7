"""The clinician of a row: a PractitionerRole by itself on the way in, and whatever names one on the way out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from adapters.base import Resource
from adapters.csv_mapping import AuthorColumns
from fhir_profiles.identifiers import ODS_SYSTEM, SDS_USER_SYSTEM

ROLE = "PractitionerRole"


def companion_of(author: AuthorColumns, values: Mapping[str, Any]) -> tuple[str, Resource] | None:
    """Return the reference and the PractitionerRole of the clinician whom a row names; None where it names nobody."""
    found = values.get(author.id)
    if found is None:
        return None
    practitioner: Resource = {"type": "Practitioner", "identifier": {"system": SDS_USER_SYSTEM, "value": found}}
    if author.name and author.name in values:
        practitioner["display"] = values[author.name]
    resource: Resource = {"resourceType": ROLE, "practitioner": practitioner}
    if author.organisation in values:
        organisation = {"system": ODS_SYSTEM, "value": values[author.organisation]}
        resource["organization"] = {"type": "Organization", "identifier": organisation}
    role = values.get(author.role)
    if role is not None:
        resource["code"] = [{"coding": [role]} if isinstance(role, dict) else {"text": role}]
    return f"{ROLE}/{found}", resource


def author_values(
    author: AuthorColumns, named: Resource, target: str, together: Mapping[str, Resource], known: Mapping[str, str]
) -> dict[str, Any]:
    """Return what is known of the clinician whom the reference `named` in the resource `target` leads to, by column.

    `together` are the resources that travel with it, by reference; `known` are the partner's references by ours.
    """
    reference = str(named.get("reference", ""))
    found: dict[str, Any] = {}
    person = together.get(reference, {})
    role: Resource = {}
    if person.get("resourceType") == ROLE:
        role, person = person, {}
    elif person.get("resourceType") == "Practitioner":
        role = _role_of(reference, together.values())
    elif known.get(reference, "").startswith(f"{ROLE}/"):
        found[author.id] = known[reference].removeprefix(f"{ROLE}/")
    practitioner = role.get("practitioner", {})
    person = person or together.get(str(practitioner.get("reference", "")), {})
    identifiers = (named.get("identifier", {}), practitioner.get("identifier", {}), *person.get("identifier", ()))
    found |= _first(author.id, (one.get("value") for one in _preferred(identifiers, SDS_USER_SYSTEM)))
    if author.name:
        names = (named.get("display"), practitioner.get("display"), *map(_name, person.get("name", ())))
        found |= _first(author.name, names)
    agent = _agent(reference, target, together.values())
    organisations = [role.get("organization", {}), agent.get("onBehalfOf", {})]
    found |= _first(author.organisation, (_ods(one, together) for one in organisations))
    concepts = [*role.get("code", ()), *agent.get("role", ())]
    found |= _first(author.role, map(_words, concepts))
    return found


def _role_of(practitioner: str, resources: Iterable[Resource]) -> Resource:
    roles = (
        one
        for one in resources
        if one.get("resourceType") == ROLE and one.get("practitioner", {}).get("reference") == practitioner
    )
    return next(roles, {})


def _agent(reference: str, target: str, resources: Iterable[Resource]) -> Resource:
    """Return the agent of a Provenance of `target` that is the clinician."""
    agents = (
        agent
        for one in resources
        if one.get("resourceType") == "Provenance" and target in (to.get("reference") for to in one.get("target", ()))
        for agent in one.get("agent", ())
        if reference and agent.get("who", {}).get("reference") == reference
    )
    return next(agents, {})


def _ods(reference: Resource, together: Mapping[str, Resource]) -> Any:
    there = together.get(str(reference.get("reference", "")), {})
    identifiers = (reference.get("identifier", {}), *there.get("identifier", ()))
    return next((one.get("value") for one in identifiers if one.get("system") == ODS_SYSTEM), None)


def _preferred(identifiers: Iterable[Resource], system: str) -> list[Resource]:
    return sorted(identifiers, key=lambda one: one.get("system") != system)


def _name(name: Resource) -> Any:
    parts = (*name.get("prefix", ()), *name.get("given", ()), name.get("family", ""))
    return name.get("text") or " ".join(part for part in parts if part)


def _words(concept: Resource) -> Any:
    displays = (coding.get("display") or coding.get("code") for coding in concept.get("coding", ()))
    return concept.get("text") or next(displays, None)


def _first(column: str, found: Iterable[Any]) -> dict[str, Any]:
    value = next((one for one in found if one), None)
    return {} if value is None else {column: value}
