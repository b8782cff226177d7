"""Who an entry says is its clinical author, apart from the caller that brings it (sharing rules, section 1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from security.writes import Authorship
from service.record.derive import Resource, organisation_of

_AUTHOR_ELEMENTS = ("performer", "author", "requester", "recorder", "asserter", "contributor", "sender", "source")
_CLINICIANS = ("Practitioner", "PractitionerRole")


class Authors:
    """Whom the resources of a record name: its Provenances and roles, looked up once for all that is written."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        """`resources` are those of the record as they will be, by reference."""
        self._resources = resources
        self._agents: dict[str, list[Resource]] = {}
        self._roles: dict[str, list[Resource]] = {}
        for resource in resources.values():
            if resource["resourceType"] == "Provenance":
                for told_of in {target.get("reference", "") for target in resource.get("target", ())}:
                    self._agents.setdefault(told_of, []).extend(resource.get("agent", ()))
            elif resource["resourceType"] == "PractitionerRole":
                practitioner = resource.get("practitioner", {}).get("reference", "")
                self._roles.setdefault(practitioner, []).append(resource)

    def of(self, resource: Resource, interaction: Literal["create", "update", "delete"]) -> Authorship:
        """Return the clinician that a resource, or a Provenance that targets it, names with id, role and organisation.

        A Practitioner's role and organisation are those of a PractitionerRole in the record, or of the Provenance's
        agent and its `onBehalfOf`. The first one that is named completely counts, else the first that is named at all.
        """
        best = Authorship(resource["resourceType"], interaction)
        for named, agent in self._candidates(resource):
            identifier, organisation, role_known = self._read(named, agent)
            if not identifier:
                continue
            found = Authorship(resource["resourceType"], interaction, identifier, role_known, organisation)
            if organisation and role_known:
                return found
            if best.author_id is None:
                best = found
        return best

    def _candidates(self, resource: Resource) -> Iterator[tuple[Resource, Resource]]:
        """Yield references to people with the Provenance agent that says on whose behalf they acted, if one does."""
        agents = self._agents.get(f"{resource['resourceType']}/{resource.get('id', '')}", ())
        for element in _AUTHOR_ELEMENTS:
            value = resource.get(element, [])
            for item in value if isinstance(value, list) else [value]:
                named = item.get("actor", item)
                same = (agent for agent in agents if agent.get("who", {}).get("reference") == named.get("reference"))
                yield named, next(same, {})
        for agent in agents:
            yield agent.get("who", {}), agent

    def _read(self, named: Resource, agent: Resource) -> tuple[str, str | None, bool]:
        resources = self._resources
        reference = str(named.get("reference", ""))
        target = resources.get(reference, {})
        kind = target.get("resourceType") or named.get("type") or reference.split("/")[0]
        if kind not in _CLINICIANS:
            return "", None, False
        roles = [target] if kind == "PractitionerRole" else self._roles.get(reference, []) if reference else []
        organisation = organisation_of(agent.get("onBehalfOf", {}), resources)
        role_known = bool(agent.get("role") or agent.get("type"))
        for role in roles:
            organisation = organisation_of(role.get("organization", {}), resources) or organisation
            role_known = role_known or bool(role.get("code"))
        return _identifier(named, target, resources), organisation, role_known


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
