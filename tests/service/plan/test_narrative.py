"""Generated narrative: safe, short, and of the resource's own elements alone."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_profiles.r4 import SUPPORTED_TYPES
from fhir_profiles.xhtml import is_safe_narrative
from service.people.plans import plans
from service.plan.narrative import with_narrative
from tests.service.plan.build import NOW, stored

RESOURCES = [resource for bundle in plans(6, seed=7, now=NOW) for resource in stored(bundle)]


def words_of(resource: dict[str, object]) -> str:
    div = with_narrative(resource)["text"]["div"]
    return " ".join(ElementTree.fromstring(div).itertext())  # noqa: S314 - our own output


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: f"{one['resourceType']}-{one['id']}")
def test_every_resource_gets_a_safe_narrative_and_keeps_the_rest(resource):
    told = with_narrative(resource)
    assert told["text"]["status"] == "generated"
    assert is_safe_narrative(told["text"]["div"])
    assert {key: value for key, value in told.items() if key != "text"} == resource


@pytest.mark.parametrize("kind", [*SUPPORTED_TYPES, "Basic"])
def test_an_almost_empty_resource_has_a_narrative(kind):
    assert is_safe_narrative(with_narrative({"resourceType": kind})["text"]["div"])


def test_the_senders_narrative_is_replaced_and_the_resource_not_touched():
    sent = {"resourceType": "Flag", "text": {"status": "additional", "div": "<div>FOR CPR</div>"}, "status": "active"}
    told = with_narrative(sent)
    assert "FOR CPR" not in told["text"]["div"]
    assert sent["text"] == {"status": "additional", "div": "<div>FOR CPR</div>"}


def test_contained_resources_carry_no_narrative():
    contained = {"resourceType": "Practitioner", "id": "p", "text": {"status": "generated", "div": "<div>x</div>"}}
    told = with_narrative({"resourceType": "Flag", "contained": [contained]})
    assert told["contained"] == [{"resourceType": "Practitioner", "id": "p"}]


@settings(max_examples=60)
@given(st.text())
def test_no_text_breaks_out(text: str):
    resource = {"resourceType": "Flag", "code": {"text": f"<script>alert(1)</script>{text}"}}
    div = with_narrative(resource)["text"]["div"]
    assert is_safe_narrative(div)
    assert "<script" not in div


def test_a_patients_narrative_tells_identity_only():
    patient = next(one for one in RESOURCES if one["resourceType"] == "Patient" and "telecom" in one)
    words = words_of(patient)
    assert patient["name"][0]["family"] in words
    assert patient["address"][0]["postalCode"] not in words
    assert patient["telecom"][0]["value"] not in words


def test_an_entry_in_error_says_so_first():
    told = words_of({"resourceType": "Observation", "status": "entered-in-error", "code": {"text": "Weight"}})
    assert told.startswith("ENTERED IN ERROR")


def test_long_text_is_cut_and_says_so():
    told = words_of({"resourceType": "Flag", "code": {"text": "long " * 400}})
    assert len(told) < 500
    assert "more in the entry" in told
