"""What has no section of its own is released with what points at it, and never by itself (data items, last rule)."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_profiles.sections import Section, Tier
from security.principal import Role
from service.record.access import Caller
from service.record.derive import close_grants
from service.record.errors import NotHere
from service.record.manifest import SECTION_NUMBER, Author, Entry
from tests.service.record.house import House, Json, create, delete, doctor, note, patient

NOWHERE = (SECTION_NUMBER[Section.UNKNOWN], int(Tier.T4))
"""Where lies what nothing points at."""
AUTHOR = Author("ZZGP01", "client", "gp")
OPEN, CLOSED = (SECTION_NUMBER[Section.ALLERGIES], 1), (SECTION_NUMBER[Section.SAFEGUARDING], 5)


def own(reference: str, place: tuple[int, int], *points_at: str, deleted: bool = False) -> Entry:
    """Return an entry that has a section of its own."""
    kind, id = reference.split("/")
    return Entry(
        kind, id, 1, "", AUTHOR, *place, () if deleted else (place,), points_at=list(points_at), deleted=deleted
    )


def follower(reference: str, *points_at: str) -> Entry:
    """Return an entry that follows what points at it."""
    kind, id = reference.split("/")
    return Entry(kind, id, 1, "", AUTHOR, *NOWHERE, (), points_at=list(points_at), follows=True)


def grants(*entries: Entry) -> dict[str, set[tuple[int, int]]]:
    """Work the grants out and return them by reference."""
    close_grants({entry.reference: entry for entry in entries})
    return {entry.reference: set(entry.grants) for entry in entries}


def test_a_practitioner_has_the_grants_of_everything_that_names_it() -> None:
    found = grants(
        follower("Practitioner/p"),
        own("Observation/a", OPEN, "Practitioner/p"),
        own("Observation/b", CLOSED, "Practitioner/p"),
        own("Observation/c", OPEN, "Practitioner/p"),
    )
    assert found["Practitioner/p"] == {OPEN, CLOSED}


def test_whom_nothing_names_is_of_no_known_section() -> None:
    found = grants(follower("Practitioner/p"), follower("Organization/o", "Practitioner/p"), own("Observation/a", OPEN))
    assert found["Practitioner/p"] == found["Organization/o"] == {NOWHERE}


def test_what_was_deleted_names_nobody() -> None:
    found = grants(follower("Practitioner/p"), own("Observation/a", OPEN, "Practitioner/p", deleted=True))
    assert found["Practitioner/p"] == {NOWHERE}


@pytest.mark.parametrize("steps", [1, 2, 5, 12])
def test_grants_go_through_any_number_of_steps_in_any_order(steps: int) -> None:
    chain = [follower(f"Organization/o{step}", f"Organization/o{step + 1}") for step in range(steps)]
    chain.append(follower(f"Organization/o{steps}"))
    for entries in (chain, list(reversed(chain))):
        found = grants(*entries, own("Observation/a", OPEN, "Organization/o0"))
        assert found[f"Organization/o{steps}"] == {OPEN}


def test_followers_that_name_one_another_come_to_an_end() -> None:
    found = grants(
        follower("Organization/a", "Organization/b"),
        follower("Organization/b", "Organization/a"),
        own("Observation/a", OPEN, "Organization/b"),
    )
    assert found["Organization/a"] == found["Organization/b"] == {OPEN}


@pytest.mark.parametrize("turn", [1, -1])
def test_a_provenance_needs_the_most_closed_of_its_targets(turn: int) -> None:
    targets = ["Observation/open", "Observation/closed", "Practitioner/p"][::turn]
    found = grants(
        own("Observation/open", OPEN),
        own("Observation/closed", CLOSED),
        follower("Practitioner/p"),
        follower("Provenance/x", *targets),
    )
    assert found["Provenance/x"] == {CLOSED}
    assert found["Practitioner/p"] == {CLOSED}, "who wrote is named by the Provenance alone"


def test_to_name_a_provenance_does_not_open_it() -> None:
    found = grants(
        own("Observation/closed", CLOSED),
        own("DocumentReference/letter", OPEN, "Provenance/x"),
        follower("Provenance/x", "Observation/closed"),
    )
    assert found["Provenance/x"] == {CLOSED}


def test_a_provenance_of_two_places_needs_both() -> None:
    told = follower("Provenance/x", "Observation/open", "Observation/closed")
    grants(own("Observation/open", OPEN), own("Observation/closed", CLOSED), told)
    assert set(told.needs) == {OPEN, CLOSED}


def test_what_a_deleted_entry_named_stays_as_closed_as_it_was() -> None:
    hidden = (CLOSED[0], int(Tier.T6))
    named, told = follower("Practitioner/p"), follower("Provenance/x", "Observation/gone")
    grants(own("Observation/gone", hidden, "Practitioner/p"), named, told)
    gone = own("Observation/gone", hidden, deleted=True)
    found = grants(gone, named, told)
    assert found["Practitioner/p"] == found["Provenance/x"] == {hidden}


_names = st.sampled_from([f"Organization/o{number}" for number in range(5)])
_edges = st.dictionaries(_names, st.lists(_names, max_size=3), max_size=5)


@given(edges=_edges, sources=st.lists(st.tuples(st.sampled_from([OPEN, CLOSED]), _names), max_size=4))
def test_a_follower_has_exactly_the_grants_of_what_reaches_it(
    edges: dict[str, list[str]], sources: list[tuple[tuple[int, int], str]]
) -> None:
    entries = [follower(f"Organization/o{number}") for number in range(5)]
    for entry in entries:
        entry.points_at = edges.get(entry.reference, [])
    entries += [own(f"Observation/s{number}", place, name) for number, (place, name) in enumerate(sources)]
    expected: dict[str, set[tuple[int, int]]] = {entry.reference: set() for entry in entries[:5]}
    for place, start in sources:
        reached, left = set(), [start]
        while left:
            name = left.pop()
            if name not in reached:
                reached.add(name)
                left += edges.get(name, [])
        for name in reached:
            expected[name].add(place)
    found = grants(*entries)
    assert {name: found[name] for name in expected} == {name: places or {NOWHERE} for name, places in expected.items()}


# --- through the use cases


CARE_HOME = doctor("ZZCH01", Role.CARE_HOME)


def entry(name: str, resource: Json) -> Json:
    """Return a transaction entry that others refer to as `urn:uuid:name`."""
    return {
        "fullUrl": urn(name),
        "resource": resource,
        "request": {"method": "POST", "url": resource["resourceType"]},
    }


def urn(name: str) -> str:
    """Return the URN of a named entry."""
    return uuid.uuid5(uuid.NAMESPACE_URL, name).urn


def clinician(family: str) -> Json:
    """Return a clinician who comes along with a plan."""
    return {"resourceType": "Practitioner", "name": [{"family": family}]}


def allergy(person: str, recorder: str) -> Json:
    """Return an allergy, which a care home may read."""
    active = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
    return {
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": {"coding": [{"system": active, "code": "active"}]},
        "code": {"text": "Latex"},
        "patient": {"reference": person},
        "recorder": {"reference": recorder},
    }


def provenance(*targets: str) -> Json:
    """Return who recorded these entries."""
    return {
        "resourceType": "Provenance",
        "target": [{"reference": urn(target)} for target in targets],
        "recorded": "2026-03-01T10:00:00Z",
        "agent": [{"who": {"reference": urn("recorder")}}],
    }


async def a_plan_with_closed_parts(opened: House) -> dict[str, str]:
    """Post a plan whose care home may read the allergy and not the note; return references by name."""
    _, someone = patient(300)
    team = {
        "resourceType": "CareTeam",
        "status": "active",
        "subject": {"reference": urn("person")},
        "managingOrganization": [
            {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZZCH01"}}
        ],
    }
    closed = note(urn("person"), "said in confidence", performer=[{"reference": urn("of-note")}])
    named = {
        "person": someone,
        "team": team,
        "allergy": allergy(urn("person"), urn("of-allergy")),
        "note": closed,
        "of-allergy": clinician("Testwick"),
        "of-note": clinician("Mockford"),
        "of-nothing": clinician("Trialby"),
        "recorder": clinician("Protodale"),
        "told-of-both": provenance("allergy", "note"),
        "told-of-allergy": provenance("allergy"),
    }
    bundle = {"resourceType": "Bundle", "type": "transaction"}
    references = await opened.post({**bundle, "entry": [entry(name, item) for name, item in named.items()]})
    return dict(zip(named, references, strict=True))


async def readable(opened: House, references: dict[str, str], caller: Caller) -> set[str]:
    """Return the names of what a caller may read."""
    found = set()
    for name, reference in references.items():
        try:
            await opened.read(reference, caller)
        except NotHere:
            continue
        found.add(name)
    return found


async def test_followers_are_read_by_whoever_may_read_what_names_them(service_house: House) -> None:
    references = await a_plan_with_closed_parts(service_house)
    for_care_home = {"person", "team", "allergy", "of-allergy", "told-of-allergy", "recorder"}
    assert await readable(service_house, references, CARE_HOME) == for_care_home
    assert await readable(service_house, references, doctor()) == references.keys()


async def test_followers_follow_what_changes(service_house: House) -> None:
    references = await a_plan_with_closed_parts(service_house)
    more = allergy(references["person"], references["of-note"])
    await service_house.write(create(more), delete(references["allergy"], 1))
    found = await readable(
        service_house, {name: one for name, one in references.items() if name != "allergy"}, CARE_HOME
    )
    # Who told of the allergy is as open as the allergy, whose deletion the care home may read.
    assert found == {"person", "team", "of-note", "told-of-allergy", "recorder"}
