"""The FHIR client: what goes over the wire, and what each refusal means."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.errors import (
    Conflict,
    ContentRefused,
    Faulty,
    NotAuthorised,
    NotThere,
    Overloaded,
    Refused,
    ReportedIssue,
    Unintelligible,
)
from adapters.fhir_rest import FhirClient
from adapters.http import HttpClient

BASE = "https://partner.test/fhir/R4"
PATIENT = {"resourceType": "Patient", "id": "p1"}


class Partner:
    """Remembers the one request and gives the one answer."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.request = httpx.Request("GET", BASE)
        http = HttpClient(transport=httpx.MockTransport(self.handle))
        self.fhir = FhirClient(http, BASE, {"X-Request-ID": "one"})

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.request = request
        return self.answer

    @property
    def line(self) -> str:
        return f"{self.request.method} {self.request.url}"


def answering(status: int = 200, body: Any = None, **headers: str) -> Partner:
    return Partner(httpx.Response(status, json=body if body is not None else PATIENT, headers=headers))


async def test_create_returns_where_it_went_and_which_version():
    partner = answering(201, ETag='W/"1"', Location=f"{BASE}/Patient/p1/_history/1")
    answer = await partner.fhir.create({"resourceType": "Patient"}, if_none_exist="identifier=a|b", idempotency_key="k")
    assert partner.line == f"POST {BASE}/Patient"
    assert partner.request.headers["if-none-exist"] == "identifier=a|b"
    assert partner.request.headers["idempotency-key"] == "k"
    assert partner.request.headers["content-type"] == partner.request.headers["accept"] == "application/fhir+json"
    assert partner.request.headers["x-request-id"] == "one"
    assert (answer.status, answer.version, answer.location) == (201, "1", f"{BASE}/Patient/p1/_history/1")


async def test_read_and_vread():
    partner = answering()
    assert (await partner.fhir.read("Patient", "p1")).resource == PATIENT
    assert partner.line == f"GET {BASE}/Patient/p1"
    await partner.fhir.read("Patient", "p1", version="2")
    assert partner.line == f"GET {BASE}/Patient/p1/_history/2"


async def test_an_id_stays_inside_its_path():
    partner = answering()
    await partner.fhir.read("Patient", "../Observation?x")
    assert partner.request.url.raw_path == b"/fhir/R4/Patient/..%2FObservation%3Fx"


async def test_update_names_the_version_it_replaces():
    partner = answering()
    await partner.fhir.update(PATIENT, if_match="7")
    assert partner.line == f"PUT {BASE}/Patient/p1"
    assert partner.request.headers["if-match"] == 'W/"7"'


async def test_delete_may_answer_with_nothing():
    partner = Partner(httpx.Response(204))
    assert (await partner.fhir.delete("Patient", "p1", if_match="7")).resource is None
    assert (partner.line, partner.request.headers["if-match"]) == (f"DELETE {BASE}/Patient/p1", 'W/"7"')


async def test_a_search_keeps_identifiers_out_of_the_url():
    partner = answering(body={"resourceType": "Bundle", "type": "searchset"})
    await partner.fhir.search("Patient", {"identifier": "https://fhir.nhs.uk/Id/nhs-number|9990000018"})
    assert partner.line == f"POST {BASE}/Patient/_search"
    assert partner.request.content == b"identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C9990000018"
    assert partner.request.headers["content-type"] == "application/x-www-form-urlencoded"


async def test_a_transaction_goes_to_the_base_and_an_operation_to_its_path():
    partner = answering()
    await partner.fhir.transaction({"resourceType": "Bundle", "type": "transaction"}, idempotency_key="k")
    assert partner.line == f"POST {BASE}"
    await partner.fhir.operation("Patient/$emergency-summary", {"resourceType": "Parameters"})
    assert partner.line == f"POST {BASE}/Patient/$emergency-summary"


async def test_decimals_keep_their_digits_both_ways():
    partner = Partner(httpx.Response(200, content=b'{"resourceType":"Observation","valueQuantity":{"value":1.10}}'))
    answer = await partner.fhir.create({"resourceType": "Observation", "valueQuantity": {"value": Decimal("1.10")}})
    assert b"1.10" in partner.request.content
    assert answer.resource is not None
    assert str(answer.resource["valueQuantity"]["value"]) == "1.10"


@pytest.mark.parametrize(
    ("status", "fact"),
    [
        (400, ContentRefused),
        (401, NotAuthorised),
        (403, NotAuthorised),
        (404, NotThere),
        (409, Conflict),
        (410, NotThere),
        (412, Conflict),
        (413, ContentRefused),
        (422, ContentRefused),
        (428, ContentRefused),
        (429, Overloaded),
        (500, Faulty),
        (502, Overloaded),
        (408, Overloaded),
        (425, Overloaded),
        (503, Overloaded),
        (504, Overloaded),
    ],
)
async def test_each_refusal_is_its_own_fact(status, fact):
    with pytest.raises(Refused) as caught:
        await answering(status, {"resourceType": "OperationOutcome"}).fhir.read("Patient", "p1")
    assert type(caught.value) is fact


async def test_a_refusal_says_what_about_and_shows_no_content():
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [
            {"severity": "error", "code": "value", "expression": ["Patient.birthDate"], "diagnostics": "1931-02-30?"},
            {"severity": "error", "code": "invalid", "details": {"text": "Dr Morwenna Example"}},
            "odd",
        ],
    }
    with pytest.raises(ContentRefused) as caught:
        await answering(422, outcome).fhir.create(PATIENT)
    assert caught.value.issues == (
        ReportedIssue("error", "value", ("Patient.birthDate",)),
        ReportedIssue("error", "invalid"),
    )
    assert str(caught.value) == "ContentRefused: value at Patient.birthDate; invalid at the whole"
    assert b"1931-02-30" in caught.value.outcome


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"issue": 7}'])
async def test_a_refusal_that_is_no_outcome_is_still_a_refusal(body):
    with pytest.raises(Faulty) as caught:
        await Partner(httpx.Response(500, content=body)).fhir.read("Patient", "p1")
    assert caught.value.issues == ()


NOON = "Sun, 06 Nov 1994 12:00:00 GMT"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("Sun, 06 Nov 1994 12:01:30 GMT", 90.0),
        ("Sun, 06 Nov 1994 11:59:00 GMT", 0.0),
        ("soon", None),
        (None, None),
    ],
)
async def test_an_overloaded_partner_says_when_to_come_back(header, seconds):
    headers = {"Date": NOON, **({"Retry-After": header} if header else {})}
    with pytest.raises(Overloaded) as caught:
        await answering(503, **headers).fhir.read("Patient", "p1")
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(302, headers={"Location": "https://evil.test"}),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b'{"id": "p1"}'),
        httpx.Response(200, content=b'{"resourceType": "Patient", "resourceType": "Patient"}'),
    ],
)
async def test_what_is_no_fhir_answer_is_unintelligible(answer):
    with pytest.raises(Unintelligible):
        await Partner(answer).fhir.read("Patient", "p1")


@pytest.mark.parametrize("resource", [{}, {"resourceType": "../x"}, {"resourceType": 1}])
async def test_a_resource_names_its_type(resource):
    with pytest.raises(ValueError, match="names its type"):
        await answering().fhir.create(resource)
    with pytest.raises(ValueError, match="named by its id"):
        await answering().fhir.update({"resourceType": "Patient"}, if_match="1")
