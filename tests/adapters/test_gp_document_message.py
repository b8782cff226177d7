"""The message to a practice, as a practice reads it that knows the specification alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from adapters.errors import ContentRefused
from adapters.gp_document_addressee import addressee_of, practices_of
from adapters.gp_document_message import Document, message, subject
from adapters.gp_document_settings import GpDocumentSettings
from adapters.itk_message import id_of, reference_of
from tests.adapters.gp_document_world import SETTINGS, WORKFLOW
from tests.adapters.parcels import PERSON
from tests.standins.gpdocument import Filed, strictly_read

R = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
V = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}
HOME = {"use": "home", "line": ["1 Example Street"], "city": "Exampleton", "postalCode": "ZZ99 3WZ"}
FIRST, SECOND = reference_of("a"), reference_of("b")
DOCUMENT = Document(FIRST, 1, "", "2026-11-28T09:00:00.000Z", addressee_of(PERSON), b"%PDF-1.7 plan")


def read(document: Document = DOCUMENT, settings: GpDocumentSettings = SETTINGS) -> Filed:
    """Return what a practice reads."""
    headers = {
        "Mex-WorkflowID": WORKFLOW,
        "Mex-To": document.about.mesh_address("YYYYMMDD"),
        "Mex-Subject": subject(document, settings),
    }
    return strictly_read(message(document, settings), headers)[0]


def about(**changed: Any) -> Document:
    """Return a document about a person who is otherwise."""
    return replace(DOCUMENT, about=addressee_of({**PERSON, **changed}))


def test_a_practice_reads_it_whole():
    assert read() == Filed(
        reference=FIRST,
        document=id_of(FIRST, "document"),
        replaces="",
        version="1",
        nhs_number="9990000018",
        family="Exampleby",
        birth_date="1941-05-02",
        confidentiality="N",
        has_address=False,
        pdf=b"%PDF-1.7 plan",
    )


def test_the_same_document_is_the_same_message_and_every_part_has_an_id_of_its_own():
    made = message(DOCUMENT, SETTINGS)
    assert made == message(DOCUMENT, SETTINGS)
    parts = ["message", "header", "sender", "document", "composition", "patient", "binary"]
    assert len({id_of(one, part) for part in parts for one in (FIRST, SECOND)}) == 2 * len(parts)


def test_a_replacement_names_what_it_replaces():
    found = read(replace(DOCUMENT, reference=SECOND, version=2, replaces=FIRST))
    assert (found.replaces, found.version) == (id_of(FIRST, "document"), "2")


@pytest.mark.parametrize("definition", ["-1", "-Instance-1"])
def test_both_definitions_can_be_had(definition: str):
    named = f"ITK-GPConnectSendDocument-MessageDefinition{definition}"
    settings = msgspec.structs.replace(SETTINGS, message_definition=named)
    assert f'MessageDefinition/{named}"'.encode() in message(DOCUMENT, settings)
    read(settings=settings)


def test_an_address_goes_with_a_person_who_is_not_restricted():
    assert read(about(address=[HOME])).has_address
    ended = {**HOME, "period": {"end": "2020-01-01"}}
    assert not read(about(address=[ended])).has_address
    assert not read(about(address=[HOME, {**HOME, "city": "Elsewhere"}])).has_address


def test_whoever_is_restricted_has_no_address_and_a_confidential_document():
    document = about(address=[HOME], meta=R)
    found = read(document)
    assert (found.has_address, found.confidentiality) == (False, "R")
    assert b"Example Street" not in message(document, SETTINGS)


@pytest.mark.parametrize(
    ("changed", "element"),
    [
        ({"meta": V}, "Patient.meta.security"),
        ({"identifier": []}, "Patient.identifier"),
        ({"identifier": [{**PERSON["identifier"][0], "value": "9990000019"}]}, "Patient.identifier"),
        ({"name": []}, "Patient.name"),
        ({"name": [{"use": "maiden", "family": "Exampleby"}]}, "Patient.name"),
        ({"name": [{"family": "Exampleby"}, {"family": "Sampleson"}]}, "Patient.name"),
        ({"name": [{"given": ["Wilma"]}]}, "Patient.name.family"),
        ({"name": [{"family": "Ex_ample"}]}, "Patient.name.family"),
        ({"birthDate": "1941"}, "Patient.birthDate"),
    ],
)
def test_whoever_cannot_be_addressed_surely_is_not_addressed(changed: dict[str, Any], element: str):
    with pytest.raises(ContentRefused) as caught:
        about(**changed)
    assert caught.value.issues[0].expression == (element,)
    assert "Exampleby" not in str(caught.value)


@pytest.mark.parametrize(("code", "addressed"), [("01", True), ("number-present-and-verified", True), ("02", False)])
def test_a_number_that_is_not_verified_addresses_nobody(code: str, addressed: bool):
    url = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
    status = {"url": url, "valueCodeableConcept": {"coding": [{"code": code}]}}
    identifier = [{**PERSON["identifier"][0], "extension": [status]}]
    if addressed:
        assert b"NHSNumberVerificationStatus-1" in message(about(identifier=identifier), SETTINGS)
        return
    with pytest.raises(ContentRefused):
        about(identifier=identifier)


def test_the_birth_date_has_the_form_of_the_setting():
    assert DOCUMENT.about.mesh_address("YYYYMMDD") == "GPPROVIDER_9990000018_19410502_Exampleby"
    assert DOCUMENT.about.mesh_address("DDMMYYYY") == "GPPROVIDER_9990000018_02051941_Exampleby"


def test_the_subject_is_the_line_that_the_guide_asks_for_in_ascii():
    found = subject(about(name=[{"family": "Exämpleby", "given": ["Zoë"], "prefix": ["Ms"]}]), SETTINGS)
    assert found == (
        "End of life care plan for Ms Zoe Exampleby, NHS Number: 9990000018, seen at Exampleton Hospice, ZZHSP1, "
        "Version: 1"
    )


def test_markup_in_a_name_is_a_name():
    found = read(about(name=[{"family": 'O"Brien<script>&amp;', "given": ["<b>"]}]))
    assert found.family == 'O"Brien<script>&amp;'


def test_what_cannot_be_said_or_is_too_large_is_refused_before_it_is_sent():
    with pytest.raises(ContentRefused):
        message(about(name=[{"family": "Ex\x00ample"}]), SETTINGS)
    with pytest.raises(ContentRefused) as caught:
        message(replace(DOCUMENT, pdf=b"%PDF-" + bytes(SETTINGS.largest)), SETTINGS)
    assert caught.value.issues[0].code == "too-long"


def test_practices_are_read_from_identifiers_and_from_what_travels_along():
    ods = {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZZGP01"}
    place = {"resourceType": "Organization", "id": "g1", "identifier": [ods]}
    assert practices_of({**PERSON, "generalPractitioner": [{"identifier": ods}]}, ()) == {"ZZGP01"}
    assert practices_of({**PERSON, "generalPractitioner": [{"reference": "Organization/g1"}]}, [place]) == {"ZZGP01"}
    assert practices_of({**PERSON, "generalPractitioner": [{"reference": "Organization/g2"}]}, [place]) == frozenset()


def test_no_repr_names_anybody():
    assert "Exampleby" not in repr(DOCUMENT)
    assert "9990000018" not in repr(DOCUMENT)
