"""What our resources look like at a partner of kind `fhir`, and theirs here: ids, references, and our marks. Pure.

Two marks go with what we send. By an identifier (a tag, where a type has no identifier) a create that is repeated finds
what the first one made. By a tag with a digest of the content, we know again what we sent, and so whether the partner
changed it. Neither comes back in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec

from fhir_profiles.elements import element

Resource = dict[str, Any]

CLINICIANS = frozenset({"Practitioner", "PractitionerRole", "Organization", "HealthcareService", "Location"})
"""Types that stand in the partner's own directory of people and places."""

_SERVERS_OWN = ("versionId", "lastUpdated")
_PERSON_ELEMENTS = ("subject", "patient", "for", "beneficiary", "individual")
_sorted = msgspec.json.Encoder(order="sorted", decimal_format="number")


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of this deployment; `base` is our FHIR base URL."""

    base: str

    @property
    def sent(self) -> str:
        """The system of the tags that carry a digest of what was sent."""
        return f"{self.base}/sent"

    def put_on(self, resource: Resource, reference: str) -> str:
        """Mark a resource that is about to be sent; return the condition under which a create is repeated safely."""
        kind, mark = resource["resourceType"], {"system": self.base, "value": reference}
        place = element(kind, "identifier")
        if place is not None and place.repeats:
            resource["identifier"] = [*resource.get("identifier", ()), mark]
        elif place is not None and "identifier" not in resource:
            resource["identifier"] = mark
        else:
            self._tag(resource, self.base, reference)
            return f"_tag={_token(self.base, reference)}"
        return f"identifier={_token(self.base, reference)}"

    def are_on(self, resource: Resource, mark: str) -> bool:
        """Say whether a resource bears the mark (`system|reference`) that `put_on` put on it."""
        found = _objects(resource.get("identifier"))
        found += [{"system": tag.get("system"), "value": tag.get("code")} for tag in _tags(resource)]
        return any(f"{one.get('system')}|{one.get('value')}" == mark for one in found)

    def ours(self, resource: Resource) -> str:
        """Return our reference of what bears our mark, '' for what does not."""
        identifiers = resource.get("identifier", ())
        for one in _objects(identifiers):
            if one.get("system") == self.base and isinstance(one.get("value"), str):
                return str(one["value"])
        return next((str(tag.get("code")) for tag in _tags(resource) if tag.get("system") == self.base), "")

    def seal(self, resource: Resource) -> None:
        """Put the digest of the content on a resource that is otherwise ready to be sent."""
        self._tag(resource, self.sent, _digest(resource))

    def is_as_sent(self, theirs: Resource) -> bool:
        """Say whether what the partner holds is exactly something that we sent."""
        digest = _digest(theirs)
        return any(tag.get("system") == self.sent and tag.get("code") == digest for tag in _tags(theirs))

    def take_off(self, resource: Resource) -> None:
        """Take our marks off a resource that comes from the partner."""
        identifiers = resource.get("identifier")
        if isinstance(identifiers, list):
            _keep(resource, "identifier", [one for one in identifiers if one.get("system") != self.base])
        elif isinstance(identifiers, dict) and identifiers.get("system") == self.base:
            del resource["identifier"]
        meta = resource.get("meta")
        if isinstance(meta, dict):
            _keep(meta, "tag", [tag for tag in meta.get("tag", ()) if tag.get("system") not in (self.base, self.sent)])
            if not meta:
                del resource["meta"]

    def _tag(self, resource: Resource, system: str, code: str) -> None:
        meta = resource.get("meta", {})
        resource["meta"] = {**meta, "tag": [*meta.get("tag", ()), {"system": system, "code": code}]}


def bare(resource: Resource) -> Resource:
    """Return a resource without what the server that keeps it says of it: id, version, time."""
    found = {name: value for name, value in resource.items() if name != "id"}
    if isinstance(found.get("meta"), dict):
        meta = {name: value for name, value in found["meta"].items() if name not in _SERVERS_OWN}
        found.pop("meta") if not meta else found.update(meta=meta)
    return found


def same(one: Resource, other: Resource) -> bool:
    """Say whether two resources have the same content, whatever servers say of them."""
    return _digest(one) == _digest(other)


def outward(resource: Resource, base: str, theirs: Mapping[str, str]) -> Resource:
    """Return a resource with the partner's references for ours; what the partner does not hold is only named.

    A reference that leads nowhere would be refused there, or lead to somebody else's resource with the same id.
    """

    def translated(reference: Resource) -> Resource:
        ours = local(reference["reference"], base)
        if ours is None:
            return reference
        if ours in theirs:
            return {**reference, "reference": theirs[ours]}
        named = {name: value for name, value in reference.items() if name != "reference"}
        return named or {"type": ours.partition("/")[0]}

    found: Resource = _references(resource, translated)
    return found


def inward(resource: Resource, base: str) -> Resource:
    """Return a resource of the partner with all references into its server relative."""

    def translated(reference: Resource) -> Resource:
        return {**reference, "reference": local(reference["reference"], base) or reference["reference"]}

    found: Resource = _references(resource, translated)
    return found


def local(reference: str, base: str) -> str | None:
    """Return `Type/id` of a reference into the server at `base`, relative or absolute; None for any other."""
    parts = reference.removeprefix(f"{base}/").split("/")
    if len(parts) == 4 and parts[2] == "_history":
        parts = parts[:2]
    if len(parts) == 2 and parts[0].isalpha() and parts[0][:1].isupper() and parts[1]:
        return "/".join(parts)
    return None


def person_of(resource: Resource, base: str) -> str | None:
    """Return the reference of the Patient whom a resource is about; None where it names none."""
    if resource.get("resourceType") == "Patient":
        return f"Patient/{resource.get('id')}"
    for name in _PERSON_ELEMENTS:
        value = resource.get(name)
        if isinstance(value, dict) and isinstance(value.get("reference"), str):
            found = local(value["reference"], base)
            if found is not None and found.startswith("Patient/"):
                return found
    return None


def pointed_at(value: Any, base: str) -> list[str]:
    """Return the references in a resource, as `Type/id`, each once, in their order."""
    found: dict[str, None] = {}

    def noted(reference: Resource) -> Resource:
        if (target := local(reference["reference"], base)) is not None:
            found[target] = None
        return reference

    _references(value, noted)
    return list(found)


def _references(value: Any, change: Callable[[Resource], Resource]) -> Any:
    if isinstance(value, list):
        return [_references(item, change) for item in value]
    if isinstance(value, dict):
        found = {name: _references(part, change) for name, part in value.items()}
        return change(found) if isinstance(found.get("reference"), str) else found
    return value


def _digest(resource: Resource) -> str:
    """Digest the content: without what servers add, and without narrative, which some of them make anew."""
    content = {name: value for name, value in resource.items() if name not in ("id", "meta", "text")}
    meta = resource.get("meta")
    if isinstance(meta, dict) and meta.get("security"):
        content["meta"] = {"security": meta["security"]}
    return hashlib.sha256(_sorted.encode(_by_value(content))).hexdigest()[:40]


def _by_value(content: Any) -> Any:
    """Return content with numbers by their value: a server may keep 1.10 as 1.1, and has not changed it."""
    if isinstance(content, dict):
        return {name: _by_value(part) for name, part in content.items()}
    if isinstance(content, list):
        return [_by_value(part) for part in content]
    if isinstance(content, Decimal | int) and not isinstance(content, bool):
        return {"number": format(Decimal(content).normalize(), "f")}
    return content


def _token(system: str, value: str) -> str:
    return quote(f"{system}|{value}", safe=":/|.-_~")


def _tags(resource: Resource) -> list[Resource]:
    meta = resource.get("meta")
    return _objects(meta.get("tag")) if isinstance(meta, dict) else []


def _objects(value: Any) -> list[Resource]:
    """Return the objects in what should be an object or a list of them: the partner may hold anything."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _keep(holder: Resource, name: str, values: list[Any]) -> None:
    if values:
        holder[name] = values
    else:
        holder.pop(name, None)
