"""Requests that are wrong around the body: size, media type, headers, addresses, forms, parameters."""

from __future__ import annotations

import json

import pytest

from tests.journeys.people import Json, Person, admitted, cpr_decision, gp
from tests.running import FHIR, Running
from tests.service.api.bad_input import CANARY, is_clean_outcome, send


@pytest.fixture(scope="module")
def someone(service: Running) -> Person:
    """A person whose plan is asked for and written to in wrong ways."""
    return admitted(service, 910)


def _decision(someone: Person) -> Json:
    return cpr_decision(someone, "450475007", replaces=someone.cpr())


def test_a_body_of_fifty_megabytes_is_refused_by_its_length(service: Running) -> None:
    answer = send(service, "/Observation", CANARY.encode().ljust(50 * 1024 * 1024))
    assert answer.status_code == 413


def test_a_body_of_fifty_megabytes_is_refused_without_a_length_too(service: Running) -> None:
    chunks = (CANARY.encode().ljust(1024 * 1024) for _ in range(50))

    answer = service.client.post(
        f"{service.settings.fhir_base}/Observation",
        content=chunks,
        headers={**FHIR, "Authorization": f"Bearer {gp(service)}"},
    )

    is_clean_outcome(service, answer)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "declared", ["text/plain", "application/xml", "application/fhir+xml", "multipart/form-data", "canary/canary", ""]
)
def test_another_media_type_is_not_read(service: Running, someone: Person, declared: str) -> None:
    answer = service.client.post(
        f"{service.settings.fhir_base}/Observation",
        content=json.dumps(_decision(someone)),
        headers={"Content-Type": declared, "Authorization": f"Bearer {gp(service)}"},
    )

    is_clean_outcome(service, answer)
    assert answer.status_code == 415


@pytest.mark.parametrize("wanted", ["application/fhir+xml", "text/html", "canary/canary"])
def test_what_we_do_not_give_is_not_acceptable(service: Running, someone: Person, wanted: str) -> None:
    answer = service.call("GET", f"/{someone.cpr()}", gp(service), None, {"Accept": wanted})

    is_clean_outcome(service, answer)
    assert answer.status_code == 406


def test_an_unusable_idempotency_key_is_refused(service: Running, someone: Person) -> None:
    for key in ("canary key", "c" * 129, ""):
        answer = send(service, "/Observation", _decision(someone), Idempotency_Key=key)
        assert answer.status_code == 400


def test_a_request_id_that_could_hold_anything_is_replaced(service: Running, someone: Person) -> None:
    given = f"{CANARY} <script>"

    answer = service.call("GET", "/Observation/never-was", gp(service), None, {"X-Request-Id": given})

    is_clean_outcome(service, answer)
    assert answer.headers["x-request-id"] != given


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/{CANARY}", 404),
        ("GET", f"/Observation/{CANARY}", 404),
        ("GET", f"/Observation/x/_history/{CANARY}", 404),
        ("GET", f"/Observation/x/{CANARY}", 404),
        ("PATCH", f"/Observation/{CANARY}", 405),
        ("DELETE", f"/Patient/{CANARY}", 405),
        ("GET", f"/Observation?{CANARY}={CANARY}", 400),
        ("GET", f"/Patient?identifier={CANARY}", 400),
        ("GET", f"/$refused-text?id={CANARY}", 404),
    ],
)
def test_an_address_is_never_repeated(service: Running, method: str, path: str, status: int) -> None:
    answer = service.call(method, path, gp(service))

    is_clean_outcome(service, answer)
    assert answer.status_code == status


def test_a_search_form_that_cannot_be_read_is_refused(service: Running) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"patient=%ff%fe" + CANARY.encode(), b"\xff" + CANARY.encode(), b"a=" + b"x" * 70_000):
        answer = service.call("POST", "/Observation/_search", gp(service), body, form)
        is_clean_outcome(service, answer)
        assert answer.status_code in (400, 413)


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Bundle", "note": CANARY},
        {"resourceType": "Parameters", "parameter": CANARY},
        {"resourceType": "Parameters", "parameter": [CANARY]},
        {"resourceType": "Parameters", "parameter": [{"valueString": CANARY}]},
        {"resourceType": "Parameters", "parameter": [{"name": "nhsNumber"}, {"name": "nhsNumber"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "nhsNumber", "valueString": 5}]},
        {"resourceType": "Parameters"},
    ],
)
def test_the_emergency_question_is_parameters_with_one_nhs_number(service: Running, body: Json) -> None:
    assert send(service, "/Patient/$emergency-summary", body).status_code in (400, 422)
