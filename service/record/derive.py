"""What a record's resources mean for the rules, worked out once per commit and kept in the manifest.

Pure: takes resources as decoded JSON and entries of a manifest, returns values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM, PROXY_USER_SYSTEM, SDS_USER_SYSTEM
from fhir_profiles.sections import CRITICAL_SECTIONS, TIER, Section, Tier
from service.record.manifest import SECTION_NUMBER, SECTIONS, Entry, Identity

Resource = dict[str, Any]
DEATH_STATUS = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-DeathNotificationStatus"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_HUMANS = ("Practitioner", "PractitionerRole", "RelatedPerson", "Person", "Patient")
_OF_NO_SECTION = ((SECTION_NUMBER[Section.UNKNOWN], int(TIER[Section.UNKNOWN])),)


def identity_of(patient: Resource) -> Identity:
    """Return what tells this person from another: NHS number, official family name, birth date."""
    numbers = [
        item.get("value", "")
        for item in patient.get("identifier", ())
        if item.get("system") == NHS_NUMBER_SYSTEM and item.get("use") != "old"
    ]
    names = patient.get("name", [])
    official = next((name for name in names if name.get("use") == "official"), names[0] if names else {})
    return Identity(
        next((number for number in numbers if number), ""), official.get("family", ""), patient.get("birthDate", "")
    )


def identifiers_of(patient: Resource) -> list[str]:
    """Return `system|value` of every identifier besides the NHS number."""
    return sorted(
        {
            f"{item.get('system', '')}|{item['value']}"
            for item in patient.get("identifier", ())
            if "value" in item and item.get("system") != NHS_NUMBER_SYSTEM
        }
    )


def covers_of(resources: Mapping[str, Resource]) -> list[str]:
    """Return a look-up value for everything that a HealthcareService of the shared directory says it covers."""
    named = (
        area.get("identifier", {})
        for service in resources.values()
        if service["resourceType"] == "HealthcareService"
        for area in service.get("coverageArea", ())
    )
    return sorted({covered(one.get("system", ""), one["value"]) for one in named if "value" in one})


def covered(system: str, value: str) -> str:
    """Return the look-up value of who covers what carries this identifier: a practice's patients, a locality."""
    return f"covers|{system}|{value}"


def life_of(patient: Resource) -> tuple[str, str]:
    """Return the life state of rules section 1 and the date of death, if any.

    PDS notification status 2 is formal, 1 informal; a date of death without a status was recorded by a clinician.
    """
    died = patient.get("deceasedDateTime", "")
    status = ""
    for extension in patient.get("extension", ()):
        if extension.get("url") == DEATH_STATUS:
            for code in _values(extension, "code"):
                status = str(code)
    if status == "2":
        return "formal_death", died
    if status == "1":
        return "informal_death", died
    return ("verified_death" if died or patient.get("deceasedBoolean") is True else "alive"), died


def organisation_of(reference: Mapping[str, Any], resources: Mapping[str, Resource]) -> str | None:
    """Return the ODS code that a Reference leads to inside the record, by identifier or through a role."""
    identifier = reference.get("identifier", {})
    if identifier.get("system") == ODS_SYSTEM:
        return str(identifier.get("value"))
    target = resources.get(str(reference.get("reference", "")))
    if target is None:
        return None
    if target["resourceType"] == "PractitionerRole":
        return organisation_of(target.get("organization", {}), resources)
    if target["resourceType"] == "Organization":
        codes = (item.get("value") for item in target.get("identifier", ()) if item.get("system") == ODS_SYSTEM)
        return next((str(code) for code in codes if code), None)
    return None


def person_of(reference: Mapping[str, Any], resources: Mapping[str, Resource]) -> str | None:
    """Return the user id of the human whom a Reference names: of a proxy, a clinician, or as it states itself.

    None where it is an organisation's, or cannot be told: then whoever reads it takes a refusal for everybody's.
    """
    target = resources.get(str(reference.get("reference", "")))
    if target is not None and target["resourceType"] == "PractitionerRole":
        return person_of(target.get("practitioner", {}), resources)
    if target is not None:
        listed = [item for item in target.get("identifier", ()) if item.get("value")]
        systems = {"RelatedPerson": PROXY_USER_SYSTEM, "Practitioner": SDS_USER_SYSTEM}
        own = systems.get(target["resourceType"])
        return next((str(item["value"]) for item in listed if item.get("system") == own), None) if own else None
    if reference.get("reference") or reference.get("type") not in (None, *_HUMANS):
        return None
    identifier = reference.get("identifier", {})
    value = identifier.get("value")
    return str(value) if value and identifier.get("system") != ODS_SYSTEM else None


def relations_of(resources: Mapping[str, Resource], holder: str) -> list[str]:
    """Return the organisations with an established relationship: holder, GP, care team, placement (rules section 1)."""
    found = {holder}
    for resource in resources.values():
        for reference in _related(resource):
            organisation = organisation_of(reference, resources)
            if organisation:
                found.add(organisation)
    return sorted(found)


def places_of(patient: Resource, resources: Mapping[str, Resource]) -> list[str]:
    """Return the ODS codes of the person's places of care, the deciding one first: where they are placed, their
    practice. They say which locality's policy governs (rules section 1)."""
    named = [patient.get("managingOrganization", {}), *patient.get("generalPractitioner", ())]
    return list(dict.fromkeys(code for one in named if (code := organisation_of(one, resources))))


def _related(resource: Resource) -> Iterator[Mapping[str, Any]]:
    if resource["resourceType"] == "Patient":
        yield from resource.get("generalPractitioner", ())
        if "managingOrganization" in resource:
            yield resource["managingOrganization"]
    elif resource["resourceType"] == "CareTeam" and resource.get("status", "active") == "active":
        yield from resource.get("managingOrganization", ())
        for participant in resource.get("participant", ()):
            yield participant.get("member", {})
            yield participant.get("onBehalfOf", {})


def references_in(resource: Resource) -> list[str]:
    """Return every literal reference in a resource, in document order."""
    return [pointer["reference"] for pointer in pointers_in(resource)]


def pointers_in(resource: Resource) -> list[Resource]:
    """Return every element of a resource that has a literal reference, in document order."""
    found: list[Resource] = []
    _find_pointers(resource, found)
    return found


def _find_pointers(element: Resource | list[Any], found: list[Resource]) -> None:
    # Exact types and no call for a leaf: a plan has a thousand of them, and every write walks over all.
    parts: Iterable[Any] = element
    if type(element) is dict:
        if type(element.get("reference")) is str:
            found.append(element)
        parts = element.values()
    for part in parts:
        if type(part) is dict or type(part) is list:
            _find_pointers(part, found)


_PLACING = ((SECTION_NUMBER[Section.LOCATION], int(Tier.L)),)
"""Whom a Patient names (practice, usual GP, placement) tells where the person is: section location."""


def close_grants(entries: Mapping[str, Entry]) -> None:
    """Give entries that have no section of their own the grants of what points at them, through any number of steps.

    A Provenance points at what it tells of, so it follows its targets and needs all of them to be open: none is surely
    the most closed, as a Consent may close T1 and leave T2 open. A practitioner, organisation or place is released with
    any released resource that names it.
    """
    by_reference = {name: entry for name, entry in entries.items() if not entry.deleted}
    followers = {name: entry for name, entry in by_reference.items() if entry.follows}
    before = {name: entry.grants for name, entry in followers.items()}
    for entry in followers.values():
        entry.grants = ()
    for entry in followers.values():
        if entry.type == "Provenance":
            # What was deleted keeps its place: what is told of it does not open because it is gone.
            targets = [entries[target] for target in entry.points_at if target in entries]
            own = [target for target in targets if not target.follows]
            if own:
                entry.needs = tuple(sorted({(target.section, target.tier) for target in own}))
                strictest = max(own, key=lambda target: target.tier)
                entry.section, entry.tier = strictest.section, strictest.tier
                entry.grants = ((strictest.section, strictest.tier),)
    named = {name: entry for name, entry in followers.items() if entry.type != "Provenance"}
    naming = [
        (source, pointed)
        for source in by_reference.values()
        if (pointed := [named[target] for target in source.points_at if target in named])
    ]
    changed = True
    while changed:
        changed = False
        for source, pointed in naming:
            for grant in _PLACING if source.type == "Patient" else source.grants:
                for entry in pointed:
                    if grant not in entry.grants:
                        entry.grants = (*entry.grants, grant)
                        changed = True
    for name, entry in sorted(followers.items(), key=lambda item: item[1].type == "PractitionerRole"):
        if entry.type == "PractitionerRole" and not entry.grants:
            # Few things point at a role; it says of a practitioner what they are, and is released where they are.
            whom = [by_reference[target] for target in entry.points_at if target in by_reference]
            entry.grants = next((one.grants for one in whom if one.type == "Practitioner"), ())
        if not entry.grants:
            # What nothing points at any more may have been named by something closed: it is of no known section, and
            # stays as closed as it was.
            entry.grants = (max((*before[name], *_OF_NO_SECTION), key=lambda grant: grant[1]),)
        entry.section, entry.tier = max(entry.grants, key=lambda grant: grant[1])


def urgent_entries(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return the entries of the emergency answer: identity, the critical sections, and whom those name."""
    current = {name: entry for name, entry in entries.items() if not entry.deleted}
    wanted = {
        name: entry
        for name, entry in current.items()
        if not entry.follows and (entry.type == "Patient" or SECTIONS[entry.section] in CRITICAL_SECTIONS)
    }
    named = wanted
    for _ in range(2):
        named = {
            target: current[target]
            for entry in named.values()
            for target in entry.points_at
            if target in current and target not in wanted and current[target].follows
        }
        wanted = wanted | named
    return wanted


def critical_places(entries: Iterable[Entry]) -> tuple[tuple[int, int], ...]:
    """Return the distinct (section, tier) of the current entries in critical sections."""
    found = {(entry.section, entry.tier) for entry in entries if not entry.deleted and not entry.follows}
    return tuple(sorted(place for place in found if SECTIONS[place[0]] in CRITICAL_SECTIONS))


def _values(value: Any, key: str) -> Iterator[Any]:
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        for item in value.values():
            yield from _values(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item, key)
