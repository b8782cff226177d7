"""A resource that goes out as a row comes back as the same resource, and what would lose something does not go out."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Arrived, HeldThere, Put, Resource
from adapters.csv_rows import read_rows, write_rows
from adapters.csv_translate import arrived_of, written_of
from tests.adapters.csv_world import CLINICIAN, CONTACT, CPR, MAPPING, PLACE, file_of
from tests.adapters.parcels import PERSON as PATIENT
from tests.adapters.parcels import parcel, removal


def arrived(row: dict[str, str]) -> Arrived:
    (one,) = read_rows(file_of(row), MAPPING, 10)
    return arrived_of(one, MAPPING)


def resource(row: dict[str, str], **changes: Any) -> Resource:
    """Return the resource of a row as we would hold it: with an id, and our own references."""
    made = arrived(row).resource
    assert made is not None
    kept: Resource = deepcopy(made) | {"id": "o1", "meta": {"versionId": "1"}} | changes
    for name in ("subject", "patient"):
        if name in kept:
            kept[name] = {"reference": "Patient/p1"}
    return kept


def put(one: Resource, there: HeldThere | None = None) -> Put:
    return Put(f"{one['resourceType']}/{one['id']}", one, b"digest", there)


def cells(*puts: Put, **more: Any) -> list[dict[str, str]]:
    return written_of(parcel(puts=puts, **more), MAPPING).rows


def test_a_row_about_a_decision_becomes_the_decision_and_names_who_made_it():
    found = arrived(CPR)
    assert (found.theirs, found.sent, found.version) == ("Observation/cpr-decision.r-1", "2026-11-02T15:00:00Z", "")
    assert (found.whom.nhs_number, found.whom.family, found.whom.birth_date) == (
        "9990000018",
        "Exampleby",
        "1941-05-02",
    )
    assert found.resource == {
        "resourceType": "Observation",
        "status": "final",
        "extension": [
            {
                "url": "https://epaccs.example.org/fhir/StructureDefinition/decision-basis",
                "valueCode": "clinical-recommendation",
            }
        ],
        "code": {
            "coding": [{"system": "http://snomed.info/sct", "code": "304251008", "display": "Resuscitation status"}]
        },
        "subject": {
            "type": "Patient",
            "identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"},
        },
        "effectiveDateTime": "2026-11-02T14:30:00Z",
        "performer": [{"reference": "PractitionerRole/555500000077", "display": "Dr Tamsin Invented"}],
        "valueCodeableConcept": {
            "coding": [
                {
                    "system": "http://snomed.info/sct",
                    "code": "450476008",
                    "display": "Not for cardiopulmonary resuscitation",
                }
            ]
        },
        "note": [{"text": "CPR would not work."}],
    }
    assert found.companions == {
        "PractitionerRole/555500000077": {
            "resourceType": "PractitionerRole",
            "practitioner": {
                "type": "Practitioner",
                "identifier": {"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "555500000077"},
                "display": "Dr Tamsin Invented",
            },
            "organization": {
                "type": "Organization",
                "identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZZGP01"},
            },
            "code": [{"text": "General practitioner"}],
        }
    }


def test_an_empty_cell_leaves_no_half_of_an_element_behind():
    bare = {name: cell for name, cell in CPR.items() if name not in ("note", "basis", "clinician_name")}
    made = arrived(bare).resource
    assert made is not None
    assert not {"note", "extension"} & made.keys()
    assert made["performer"] == [{"reference": "PractitionerRole/555500000077"}]
    assert arrived(CONTACT).companions == {}


def test_a_removal_is_of_the_same_reference_and_holds_nothing():
    found = arrived(CPR | {"action": "remove"})
    assert (found.theirs, found.resource, found.companions) == ("Observation/cpr-decision.r-1", None, {})


def test_what_goes_out_names_the_person_the_record_and_the_clinician():
    (row,) = cells(put(resource(CPR)), known={"PractitionerRole/555500000077": "PractitionerRole/555500000077"})
    expected = CPR | {"record_id": "o1", "changed_at": "2026-11-02T14:40:00.000Z"}
    for unknown in ("clinician_role", "clinician_organisation"):  # not with this parcel
        del expected[unknown]
    assert row == expected


PRACTITIONER: Resource = {
    "resourceType": "Practitioner",
    "id": "d1",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "555500000077"}],
    "name": [{"family": "Invented", "given": ["Tamsin"], "prefix": ["Dr"]}],
}
ORGANISATION: Resource = {
    "resourceType": "Organization",
    "id": "g1",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZZGP01"}],
}
ROLE: Resource = {
    "resourceType": "PractitionerRole",
    "id": "r1",
    "practitioner": {"reference": "Practitioner/d1"},
    "organization": {"reference": "Organization/g1"},
    "code": [{"text": "General practitioner"}],
}
PROVENANCE: Resource = {
    "resourceType": "Provenance",
    "id": "v1",
    "target": [{"reference": "Observation/o1"}],
    "recorded": "2026-11-02T14:40:00Z",
    "agent": [
        {
            "who": {"reference": "Practitioner/d1"},
            "role": [{"text": "General practitioner"}],
            "onBehalfOf": {"reference": "Organization/g1"},
        }
    ],
}


@pytest.mark.parametrize(
    ("performer", "together"),
    [
        ("PractitionerRole/r1", (PRACTITIONER, ORGANISATION, ROLE)),
        ("Practitioner/d1", (PRACTITIONER, ORGANISATION, ROLE)),
        ("Practitioner/d1", (PRACTITIONER, ORGANISATION, PROVENANCE)),
    ],
    ids=["by role", "by person with a role", "by person with a provenance"],
)
def test_a_clinician_is_found_however_the_record_names_one(performer, together):
    decision = resource(CPR, performer=[{"reference": performer}])
    written = written_of(parcel(puts=(*map(put, together), put(decision))), MAPPING)
    (row,) = written.rows
    assert {name: row[name] for name in CLINICIAN} == CLINICIAN
    assert [one.reference for one in written.receipts] == ["Observation/o1"], "nothing is confirmed of what has no row"


def test_what_is_confirmed_bears_the_id_that_the_row_has():
    written = written_of(parcel(puts=(put(resource(PLACE)),)), MAPPING)
    assert [one.there for one in written.receipts] == [
        HeldThere("Observation/preferred-place-of-death.o1", "", b"digest")
    ]
    theirs = HeldThere("Observation/preferred-place-of-death.r-2", "", b"old", made=False)
    written = written_of(parcel(puts=(put(resource(PLACE), theirs),)), MAPPING)
    assert written.rows[0]["record_id"] == "r-2"
    assert [one.there for one in written.receipts] == [msgspec.structs.replace(theirs, digest=b"digest")]


LOSING: dict[str, dict[str, Any]] = {
    "another status": {"status": "entered-in-error"},
    "a second note": {"note": [{"text": "a"}, {"text": "b"}]},
    "a modifier": {"modifierExtension": [{"url": "https://x.test/not", "valueBoolean": True}]},
    "an extension that nobody knows": {"extension": [{"url": "https://x.test/but", "valueString": "only if"}]},
    "a value that no word stands for": {
        "valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}
    },
    "words beside the code": {
        "valueCodeableConcept": {
            "coding": [{"system": "http://snomed.info/sct", "code": "450476008", "display": "Not for CPR"}],
            "text": "Not for CPR, except when choking",
        }
    },
    "an element without a column": {"bodySite": {"text": "left"}},
    "a text too long for its column": {"note": [{"text": "x" * 2001}]},
    "no time": {"effectiveDateTime": None},
    "a time that is no column's": {"effectiveDateTime": "2026"},
}


@pytest.mark.parametrize("changes", LOSING.values(), ids=LOSING)
def test_what_a_row_cannot_say_does_not_go_out_and_what_went_before_is_taken_back(changes):
    changed = {name: part for name, part in resource(CPR, **changes).items() if part is not None}
    written = written_of(parcel(puts=(put(changed),)), MAPPING)
    assert (written.rows, written.receipts) == ([], [])
    held = HeldThere("Observation/cpr-decision.r-1", "", b"old")
    written = written_of(parcel(puts=(put(changed, held),)), MAPPING)
    assert [(row["action"], row["record_id"]) for row in written.rows] == [("remove", "r-1")]
    assert [(one.reference, one.there) for one in written.receipts] == [("Observation/o1", None)]
    their_own = HeldThere("Observation/cpr-decision.r-1", "", b"old", made=False)
    written = written_of(parcel(puts=(put(changed, their_own),)), MAPPING)
    assert (written.rows, written.receipts) == ([], [])


def test_what_became_something_else_does_not_stay_as_what_it_was():
    before = HeldThere("Observation/cpr-decision.r-1", "", b"old")
    written = written_of(parcel(puts=(put(resource(PLACE), before),)), MAPPING)
    assert [(row["action"], row["item"], row["record_id"]) for row in written.rows] == [
        ("remove", "CPR decision", "r-1"),
        ("put", "Preferred place of death", "r-1"),
    ]
    assert [one.reference for one in written.receipts] == ["Observation/o1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"effectiveDateTime": "2026-11-02"},
        {"code": {"coding": [{"system": "http://snomed.info/sct", "code": "304251008"}]}},
        {"code": {"coding": [{"system": "http://snomed.info/sct", "code": "304251008", "display": "Other words"}]}},
        {"performer": [{"reference": "Practitioner/a"}, {"reference": "Practitioner/b"}]},
        {
            "valueCodeableConcept": {
                "coding": [
                    {"system": "https://x.test", "code": "DNACPR"},
                    {"system": "http://snomed.info/sct", "code": "450476008", "display": "Other words"},
                ],
                "text": "Other words",
            }
        },
        {
            "extension": [
                {
                    "url": "https://epaccs.example.org/fhir/StructureDefinition/replaces",
                    "valueReference": {"reference": "Observation/o0"},
                }
            ]
        },
    ],
    ids=[
        "a day alone",
        "no display",
        "another display",
        "two clinicians",
        "another coding",
        "what the mapping may lose",
    ],
)
def test_what_changes_nothing_in_the_decision_goes_out(changes):
    (row,) = cells(put(resource(CPR, **changes)))
    assert row["cpr"] == "do not attempt"


def test_a_removal_goes_out_without_the_person_when_nothing_of_them_is_open():
    written = written_of(
        parcel(patient=None, puts=(), removals=(removal("Observation/o2", "Observation/cpr-decision.r-7"),)), MAPPING
    )
    assert written.rows == [{"action": "remove", "item": "CPR decision", "record_id": "r-7"}]
    assert [(one.reference, one.there) for one in written.receipts] == [("Observation/o2", None)]


def test_nothing_is_put_without_knowing_whom_it_is_about():
    nameless = {name: part for name, part in PATIENT.items() if name != "name"}
    assert cells(put(resource(PLACE)), patient=nameless) == []
    assert cells(put(resource(PLACE)), patient=None) == []


TEXTS = st.text(min_size=1, max_size=40)
OPTIONAL = st.none() | TEXTS


@given(
    place=st.sampled_from(sorted(MAPPING.columns["place"].codes)),
    at=st.datetimes(timezones=st.just(UTC)),
    note=OPTIONAL,
    phone=TEXTS,
    given_name=OPTIONAL,
    relationship=OPTIONAL,
)
def test_out_and_back_in_is_the_same(place, at, note, phone, given_name, relationship):
    preference = resource(PLACE, note=[{"text": note}] if note is not None else None)
    preference["valueCodeableConcept"] = resource(PLACE | {"place": place})["valueCodeableConcept"]
    preference["effectiveDateTime"] = f"{at:%Y}".zfill(4) + f"{at:-%m-%dT%H:%M:%S.%f}Z"
    contact = resource(CONTACT, id="c1")
    contact["telecom"][0]["value"] = phone
    contact["name"][0]["given"] = [given_name] if given_name is not None else None
    contact["relationship"][1:] = [{"text": relationship}] if relationship is not None else []
    sent = [_without_none(preference), _without_none(contact)]
    known = {"PractitionerRole/555500000077": "PractitionerRole/555500000077"}
    written = written_of(parcel(puts=tuple(map(put, sent)), known=known), MAPPING)
    rows = read_rows(write_rows(written.rows, MAPPING), MAPPING, 10)
    came = [arrived_of(row, MAPPING) for row in rows]
    went = {receipt.reference for receipt in written.receipts}
    assert note is not None or "Observation/o1" in went
    assert [one.theirs for one in came] == [_theirs(one) for one in sent if _reference(one) in went]
    assert [_content(one.resource) for one in came] == [_content(one) for one in sent if _reference(one) in went]


def _theirs(one: Resource) -> str:
    word = "key-contact" if one["resourceType"] == "RelatedPerson" else "preferred-place-of-death"
    return f"{one['resourceType']}/{word}.{one['id']}"


def _reference(one: Resource) -> str:
    return f"{one['resourceType']}/{one['id']}"


def _content(one: Resource | None) -> Resource:
    return {name: part for name, part in (one or {}).items() if name not in ("id", "meta", "subject", "patient")}


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(part) for name, part in value.items() if part is not None}
    return [_without_none(part) for part in value] if isinstance(value, list) else value
