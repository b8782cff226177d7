"""What a writer asks for, and the work that needs no record yet: ids, references, and whose record it is."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fhir_profiles.issues import Issue, error
from service.record.derive import pointers_in

Resource = dict[str, Any]
URN = "urn:uuid:"
_LITERAL = re.compile(r"^[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}(/_history/[0-9]+)?$")
_CONDITIONAL = re.compile(r"^([A-Z][A-Za-z]+)\?identifier=([^|&]+)\|([^&]+)$")


class Method(StrEnum):
    """What is done to one resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(slots=True)
class Change:
    """One resource to create, update or delete.

    `at` is the FHIRPath of the resource in the request, for issues. `if_match` is the version the writer read. `id`
    is given for update and delete, and made here for a create. `late` is said of an update with an earlier version that
    arrives only now: it becomes a past version, and what is current stays what it is.
    """

    method: Method
    type: str
    at: str
    resource: Resource | None = None
    id: str = ""
    if_match: int | None = None
    if_none_exist: str = ""
    full_url: str = ""
    reason: str = ""
    late: bool = False
    reference: str = field(default="", init=False)
    """The relative reference `Type/id`."""
    _pointers: list[Resource] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.give(self.id)

    def give(self, id: str) -> None:
        """Give the resource its id, and with it its reference."""
        self.id, self.reference = id, f"{self.type}/{id}"

    def saying(self, resource: Resource) -> Change:
        """Return the same change of the same resource with other content."""
        other = copy(self)
        other.resource, other._pointers = resource, None
        return other

    @property
    def pointers(self) -> list[Resource]:
        """Every Reference in the resource, in document order; looked for once, whatever is made of them later."""
        if self._pointers is None:
            self._pointers = [] if self.resource is None else pointers_in(self.resource)
        return self._pointers


@dataclass(frozen=True, slots=True)
class DirectoryTarget:
    """What a conditional reference found in the shared directory."""

    reference: str
    identifier: dict[str, str]


@dataclass(slots=True)
class Prepared:
    """Changes with ids and literal references, and the persons they speak of."""

    changes: list[Change]
    persons: list[str] = field(default_factory=list)
    local: set[str] = field(default_factory=set)
    new_patient: Change | None = None
    outside: dict[str, list[str]] = field(default_factory=dict)


def conditional_references(changes: Sequence[Change]) -> set[str]:
    """Return the distinct conditional references (`Organization?identifier=system|value`) of all changes."""
    return {
        reference for change in changes for pointer in change.pointers if "?" in (reference := pointer["reference"])
    }


def condition_of(change: Change) -> tuple[str, str] | None:
    """Return (system, value) of a conditional create of a Patient, None when it has no condition.

    Raise ValueError for any other type, any other form, and an identifier that the resource does not carry itself.
    """
    if not change.if_none_exist:
        return None
    parsed = parse_conditional(f"{change.type}?{change.if_none_exist.removeprefix('?')}")
    if parsed is None or change.type != "Patient":
        raise ValueError("a condition that is not supported")
    found = (parsed[1], parsed[2])
    carried = {(item.get("system"), item.get("value")) for item in (change.resource or {}).get("identifier", ())}
    if found not in carried:
        raise ValueError("a condition on another identifier than the resource's own")
    return found


def parse_conditional(reference: str) -> tuple[str, str, str] | None:
    """Split a conditional reference into type, identifier system and value; None when it is of another form."""
    match = _CONDITIONAL.match(reference)
    return None if match is None else (match[1], match[2], match[3])


def new_ids(count: int) -> list[str]:
    """Return random ids: UUIDs of version 4, drawn together, since each draw asks the system."""
    drawn = secrets.token_hex(16 * count)
    return [_uuid_4(drawn[at : at + 32]) for at in range(0, len(drawn), 32)]


def _uuid_4(drawn: str) -> str:
    """Return 32 random hexadecimal digits as a UUID of version 4 (RFC 9562); `uuid.UUID` takes four times as long."""
    variant = "89ab"[int(drawn[16], 16) & 3]
    return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-{variant}{drawn[17:20]}-{drawn[20:]}"


def prepare(
    changes: Sequence[Change], fhir_base: str, directory: Mapping[str, DirectoryTarget]
) -> tuple[Prepared, list[Issue]]:
    """Give creates their ids and make every reference literal, in place; return every problem found on the way.

    Two changes of one resource are a problem: which of them would be the newest version, nobody could say.
    References may be `urn:uuid:` of another entry, conditional into the directory, relative, or absolute. An absolute
    URL under our own base is taken as relative; any other absolute URL is left as it is.
    """
    issues: list[Issue] = []
    by_full_url: dict[str, str] = {}
    creates = [change for change in changes if change.method is Method.CREATE]
    for change, id in zip(creates, new_ids(len(creates)), strict=True):
        change.give(id)
    for change in changes:
        if change.full_url:
            by_full_url[change.full_url] = change.reference
    prepared = Prepared(list(changes), local=set())
    for change in changes:
        reference = change.reference
        if reference in prepared.local:
            issues.append(error("business-rule", change.at, "Another entry changes the same resource."))
        prepared.local.add(reference)
    for change in changes:
        leading_out: list[tuple[int, str]] = []
        for number, pointer in enumerate(change.pointers):
            literal = by_full_url.get(pointer["reference"]) or _literal(pointer["reference"], fhir_base, directory)
            if literal is None:
                leading_out.append((number, ""))
                continue
            if isinstance(literal, DirectoryTarget):
                pointer["reference"] = literal.reference
                pointer.setdefault("identifier", dict(literal.identifier))
                continue
            pointer["reference"] = literal
            if literal in prepared.local:
                target = literal
            elif _LITERAL.match(literal):
                target = "/".join(literal.split("/")[:2])
                if target not in prepared.local:
                    leading_out.append((number, target))
            else:
                continue
            if target.startswith("Patient/") and target not in prepared.persons:
                prepared.persons.append(target)
        # Places are worked out only where one is to be told: in a plan that is whole in itself, nowhere.
        places = _places(change.resource, change.at) if leading_out else []
        for number, target in leading_out:
            if target:
                prepared.outside.setdefault(target, []).append(f"{places[number]}.reference")
            else:
                issues.append(error("not-found", f"{places[number]}.reference", "This reference leads nowhere."))
        if change.type == "Patient" and change.reference not in prepared.persons:
            prepared.persons.append(change.reference)
        if change.type == "Patient" and change.method is Method.CREATE:
            prepared.new_patient = change
    return prepared, issues


def _literal(reference: str, fhir_base: str, directory: Mapping[str, DirectoryTarget]) -> str | DirectoryTarget | None:
    if reference.startswith("#"):
        return reference
    if reference.startswith(URN):
        return None
    if "?" in reference:
        return directory.get(reference)
    if reference.startswith(f"{fhir_base}/"):
        reference = reference[len(fhir_base) + 1 :]
    if _LITERAL.match(reference) or reference.startswith(("http://", "https://")):
        return reference
    return None


def _places(value: Any, at: str) -> list[str]:
    """Return where the pointers of a resource stand, in their order."""
    found: list[str] = []
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            found.append(at)
        for key, item in value.items():
            found += _places(item, f"{at}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += _places(item, f"{at}[{index}]")
    return found
