"""Reading a message of a FHIR partner: pure, so that it can be read again, and it believes nothing that disagrees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import adapters
from adapters.base import Message, Untranslatable
from adapters.fhir_envelope import Reading, message_of
from adapters.fhir_words import Marks
from adapters.mapping import IDENTITY, load_mapping, mapping_of
from tests.adapters.fhir_world import OUR_BASE, Json, observation, patient

BASE = "https://hospice.example/fhir"
READ = Reading(IDENTITY, frozenset({"Observation"}), BASE, OUR_BASE)
OFFICIAL = "https://fhir.nhs.uk/Id/nhs-number"


def message(resource: Any, person: Any = None, **companions: Any) -> Message:
    """Return a message as `poll` composes it."""
    about = patient() if person is None else person
    return message_of(
        json.dumps(resource).encode(),
        json.dumps(about).encode(),
        {name: json.dumps(one).encode() for name, one in companions.items()},
    )


@pytest.mark.parametrize(
    ("resource", "person", "why"),
    [
        (observation(), patient(identifier=[]), "the Patient has no NHS number"),
        (observation(), patient(identifier=["x"]), "the Patient does not have the structure of FHIR"),
        (
            observation(),
            patient(identifier=[{"system": OFFICIAL, "value": "9990000019"}]),
            "the NHS number of the Patient is not one",
        ),
        (
            observation(),
            patient(
                identifier=[
                    {
                        "system": OFFICIAL,
                        "value": "9990000018",
                        "extension": [
                            {
                                "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
                                "NHSNumberVerificationStatus",
                                "valueCodeableConcept": {"coding": [{"code": "number-present-but-not-traced"}]},
                            }
                        ],
                    }
                ]
            ),
            "the NHS number of the Patient is not verified there",
        ),
        (observation(), patient(name=[]), "the Patient has no family name or no birth date to compare"),
        (observation(), patient(birthDate=1941), "the Patient has no family name or no birth date to compare"),
        (observation(), patient(name="Ada"), "the Patient does not have the structure of FHIR"),
        (observation(), patient(id="p2"), "it is about somebody else than the Patient who came with it"),
        (observation(subject={}), patient(), "it is about somebody else than the Patient who came with it"),
        (observation(), observation(), "it is about something that is no Patient"),
        (observation(resourceType="Flag"), patient(), "it is of a type that was not asked for"),
        ({**observation(), "id": 7}, patient(), "the resource has no id"),
        ({"id": "x"}, patient(), "the resource is not a FHIR resource"),
        ([], patient(), "the resource is not JSON that can be read"),
        (observation(), [], "the Patient is not JSON that can be read"),
        (observation(identifier=["x"]), patient(), "the Observation does not have the structure of FHIR"),
    ],
)  # fmt: skip
def test_what_cannot_be_believed_is_said_plainly_and_without_content(resource: Any, person: Any, why: str) -> None:
    with pytest.raises(Untranslatable) as caught:
        READ(message(resource, person))
    assert caught.value.why == why


@given(st.integers(0, 10_000))
def test_a_message_that_is_cut_short_is_said_to_be(length: int) -> None:
    whole = message(observation())
    part = whole.original[: length % len(whole.original)]
    with pytest.raises(Untranslatable) as caught:
        READ(Message(whole.id, part))
    assert caught.value.why == "the message is not whole"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_named(content: bytes) -> None:
    for original in (content, b'{"resource":%s,"patient":%s}' % (content, content)):
        with pytest.raises(Untranslatable):
            READ(Message("x", original))


def test_the_received_bytes_are_kept_and_digits_with_them() -> None:
    received = b'{ "resourceType":"Observation",  "id":"o1","subject":{"reference":"Patient/p1"},'
    received += b'"valueQuantity":{"value":1.10}}'
    envelope = message_of(received, json.dumps(patient()).encode(), {})
    assert received in envelope.original
    [arrived] = [READ(envelope)]
    assert arrived.resource is not None
    assert str(arrived.resource["valueQuantity"]["value"]) == "1.10"
    assert envelope.id.startswith("Observation/o1/")
    assert len(envelope.id) > 30, "without a version the bytes say which one it is"


def test_our_own_marks_do_not_come_back() -> None:
    sent = observation(identifier=[{"system": "https://hospice.example/id", "value": "1"}])
    marks = Marks(OUR_BASE)
    marks.put_on(sent, "Observation/ours")
    marks.seal(sent)
    [arrived] = [READ(message(sent))]
    assert arrived.resource is not None
    assert arrived.resource["identifier"] == [{"system": "https://hospice.example/id", "value": "1"}]
    assert "meta" not in arrived.resource
    assert OUR_BASE not in json.dumps(arrived.resource)


def test_a_message_is_read_again_after_the_mapping_was_mended() -> None:
    folder = Path(adapters.__path__[0]) / "mappings"
    hospice = Reading(load_mapping(folder / "hospice-example.json"), READ.types, BASE, OUR_BASE)
    form = "https://hospice.example.org/codes/form"
    decision: Json = observation(
        code={"coding": [{"system": form, "code": "RESUS"}]},
        valueCodeableConcept={"coding": [{"system": "https://hospice.example.org/codes/resus", "code": "R-ALL"}]},
    )
    person = patient(identifier=[{"system": "urn:oid:2.16.840.1.113883.2.1.4.1", "value": "9990000018"}])
    parked = message(decision, person)
    with pytest.raises(Untranslatable) as caught:
        hospice(parked)
    assert "R-ALL" not in caught.value.why

    mended = json.loads((folder / "hospice-example.json").read_text())
    mended["rules"][0]["codes"][0]["theirs"] = "https://hospice.example.org/codes/resus|R-ALL"
    arrived = Reading(mapping_of(mended), READ.types, BASE, OUR_BASE)(parked)
    assert arrived.whom.nhs_number == "9990000018"
    assert arrived.resource is not None
    assert arrived.resource["valueCodeableConcept"]["coding"][0]["code"] == "450475007"
