"""Who an entry says is its clinical author, apart from the caller that brings it (sharing rules, section 1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from security.writes import Authorship
from service.record.derive import Resource, organisation_of

_AUTHOR_ELEMENTS = ("performer", "author", "requester", "recorder", "asserter", "contributor", "sender", "source")
_CLINICIANS = ("Practitioner", "PractitionerRole")


def authorship_of(
    resource: Resource, resources: Mapping[str, Resource], interaction: Literal["create", "update", "delete"]
) -> Authorship:
    """Return the clinician that a resource, or a Provenance that targets it, names with id, role and organisation.

    `resources` are those of the record as they will be. A Practitioner's role and organisation are those of a
    PractitionerRole in the record, or of the Provenance's agent and its `onBehalfOf`. The first one that is named
    completely counts, else the first that is named at all.
    """
    reference = f"{resource['resourceType']}/{resource.get('id', '')}"
    best = Authorship(resource["resourceType"], interaction)
    for named, agent in _candidates(resource, reference, resources):
        identifier, organisation, role_known = _read(named, agent, resources)
        if not identifier:
            continue
        found = Authorship(resource["resourceType"], interaction, identifier, role_known, organisation)
        if organisation and role_known:
            return found
        if best.author_id is None:
            best = found
    return best


def _candidates(
    resource: Resource, reference: str, resources: Mapping[str, Resource]
) -> Iterator[tuple[Resource, Resource]]:
    """Yield references to people with the Provenance agent that says on whose behalf they acted, if one does."""
    agents = [
        agent
        for provenance in resources.values()
        if provenance["resourceType"] == "Provenance"
        and any(target.get("reference") == reference for target in provenance.get("target", ()))
        for agent in provenance.get("agent", ())
    ]
    for element in _AUTHOR_ELEMENTS:
        value = resource.get(element, [])
        for item in value if isinstance(value, list) else [value]:
            named = item.get("actor", item)
            same = (agent for agent in agents if agent.get("who", {}).get("reference") == named.get("reference"))
            yield named, next(same, {})
    for agent in agents:
        yield agent.get("who", {}), agent


def _read(named: Resource, agent: Resource, resources: Mapping[str, Resource]) -> tuple[str, str | None, bool]:
    reference = str(named.get("reference", ""))
    target = resources.get(reference, {})
    kind = target.get("resourceType") or named.get("type") or reference.split("/")[0]
    if kind not in _CLINICIANS:
        return "", None, False
    roles = [target] if kind == "PractitionerRole" else _roles_of(reference, resources)
    organisation = organisation_of(agent.get("onBehalfOf", {}), resources)
    role_known = bool(agent.get("role") or agent.get("type"))
    for role in roles:
        organisation = organisation_of(role.get("organization", {}), resources) or organisation
        role_known = role_known or bool(role.get("code"))
    return _identifier(named, target, resources), organisation, role_known


def _roles_of(practitioner: str, resources: Mapping[str, Resource]) -> list[Resource]:
    return [
        role
        for role in resources.values()
        if role["resourceType"] == "PractitionerRole"
        and practitioner
        and role.get("practitioner", {}).get("reference") == practitioner
    ]


def _identifier(named: Resource, target: Resource, resources: Mapping[str, Resource]) -> str:
    """Return the id of a clinician: a logical reference's own, else that of the resource it leads to."""
    practitioner = target.get("practitioner", {})
    person = resources.get(str(practitioner.get("reference", "")), {})
    found = [
        named.get("identifier", {}),
        *target.get("identifier", ()),
        practitioner.get("identifier", {}),
        *person.get("identifier", ()),
    ]
    return next((str(identifier["value"]) for identifier in found if identifier.get("value")), "")
