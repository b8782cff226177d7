"""Bad bodies over real HTTP: every problem named at its place, nothing echoed, nothing half-written."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.journeys.people import (
    Json,
    Person,
    admitted,
    cpr_decision,
    gp,
    issues_of,
    person,
    references_of,
    summary,
    transaction,
)
from tests.running import Running, parameters
from tests.service.api.bad_input import CANARY, send

NUMBER = "https://fhir.nhs.uk/Id/nhs-number"


@pytest.fixture(scope="module")
def someone(service: Running) -> Person:
    """The person whose plan everything here is aimed at, and whose plan stays as it is."""
    return admitted(service, 900)


@pytest.fixture(autouse=True)
def untouched(service: Running, someone: Person) -> Iterator[None]:
    """See that a test changed nothing of the plan: its version counts every commit."""
    before = _version(service, someone)
    yield
    assert _version(service, someone) == before


def _version(service: Running, someone: Person) -> str:
    return str(summary(service, gp(service), someone.nhs_number).bundle["meta"]["versionId"])


def _decision(someone: Person, **changed: Any) -> Json:
    return cpr_decision(someone, "450475007", replaces=someone.cpr()) | changed


def _expressions(answer: httpx.Response) -> set[str]:
    return {expression for issue in issues_of(answer) for expression in issue.get("expression", ())}


# --- what is not JSON, or not the JSON that was promised


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"resourceType":"Observation","note":"' + CANARY.encode(), id="cut off"),
        pytest.param(b"<Observation><note>" + CANARY.encode() + b"</note></Observation>", id="XML"),
        pytest.param(json.dumps([CANARY]).encode(), id="an array"),
        pytest.param(json.dumps(CANARY).encode(), id="a string"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"resourceType":"Observation","note":"\xff\xfe' + CANARY.encode() + b'"}', id="not UTF-8"),
        pytest.param(b'{"resourceType":"Observation","value":NaN,"x":"' + CANARY.encode() + b'"}', id="NaN"),
        pytest.param(
            b'{"resourceType":"Observation","status":"final","status":"' + CANARY.encode() + b'"}', id="a key twice"
        ),
        pytest.param(
            b'{"resourceType":"Observation","code":{"text":"a","text":"' + CANARY.encode() + b'"}}',
            id="a key twice inside",
        ),
        pytest.param(b'{"a":' * 70 + b'"' + CANARY.encode() + b'"' + b"}" * 70, id="70 levels deep"),
        pytest.param(b"[" * 200_000 + b"]" * 200_000, id="200,000 levels deep"),
        pytest.param(b'{"resourceType":"' + CANARY.encode() + b'"}', id="a type that does not exist"),
        pytest.param(b'{"resourceType":"Condition","note":"' + CANARY.encode() + b'"}', id="another type"),
        pytest.param(b'{"note":"' + CANARY.encode() + b'"}', id="no type"),
    ],
)
def test_what_is_not_the_promised_json_is_a_bad_request(service: Running, body: bytes) -> None:
    answer = send(service, "/Observation", body)
    assert answer.status_code == 400


def test_a_repeated_key_is_shown_by_its_place(service: Running) -> None:
    answer = send(service, "/Observation", b'{"resourceType":"Observation","status":"final","status":"final"}')
    assert "occurs twice in the JSON object that starts on line 1, column 1" in answer.text


# --- content that breaks FHIR or our rules


@pytest.mark.parametrize(
    ("changed", "expression"),
    [
        pytest.param({"canaryElement": CANARY}, None, id="an unknown element"),
        pytest.param({"status": CANARY}, "Observation.status", id="a code outside a required binding"),
        pytest.param({"status": 7}, "Observation.status", id="a number for a code"),
        pytest.param({"status": None}, "Observation.status", id="null"),
        pytest.param({"note": {"text": CANARY}}, "Observation.note", id="an object for a list"),
        pytest.param({"note": []}, "Observation.note", id="an empty list"),
        pytest.param({"effectiveDateTime": CANARY}, "Observation.effective.ofType(dateTime)", id="no date"),
        pytest.param({"effectiveDateTime": "2026-02-30"}, "Observation.effective.ofType(dateTime)", id="no such day"),
        pytest.param({"valueString": CANARY}, None, id="two values"),
        pytest.param({"subject": {"reference": f"Patient/{CANARY}"}}, None, id="nobody"),
        pytest.param(
            {"derivedFrom": [{"reference": f"Observation/{CANARY}"}]},
            "Observation.derivedFrom[0].reference",
            id="a dangling reference",
        ),
        pytest.param(
            {"derivedFrom": [{"reference": "urn:uuid:6a4c1c2e-0000-4000-8000-00000000cafe"}]},
            "Observation.derivedFrom[0].reference",
            id="a urn of no entry",
        ),
        pytest.param(
            {"text": {"status": "generated", "div": f"<div><script>{CANARY}</script></div>"}},
            None,
            id="a script in the narrative",
        ),
    ],
)
def test_content_that_breaks_a_rule_is_refused_at_its_place(
    service: Running, someone: Person, changed: Json, expression: str | None
) -> None:
    answer = send(service, "/Observation", _decision(someone, **changed))

    assert answer.status_code == (404 if "subject" in changed else 422), answer.text
    if expression is not None:
        assert expression in _expressions(answer)


def test_every_problem_is_named_at_once(service: Running, someone: Person) -> None:
    wrong = _decision(someone, status=CANARY, effectiveDateTime=CANARY, note=[{"text": 5}])
    del wrong["code"]

    answer = send(service, "/Observation", wrong)

    assert answer.status_code == 422
    assert {
        "Observation.status",
        "Observation.effective.ofType(dateTime)",
        "Observation.note[0].text",
        "Observation.code",
    } <= _expressions(answer)


@pytest.mark.parametrize("number", ["9990000000", "999 000 0018", f"99900000{CANARY}", "", "12"])
def test_a_bad_nhs_number_is_refused_wherever_it_stands(service: Running, number: str) -> None:
    sent = copy.deepcopy(person(901).resource("Patient"))
    sent.pop("generalPractitioner")
    sent.pop("managingOrganization")
    sent["identifier"][0]["value"] = number

    written = send(service, "/Patient", sent)
    asked = send(service, "/Patient/$emergency-summary", parameters(nhsNumber=number))

    assert written.status_code == asked.status_code == 422
    assert any("identifier" in expression for expression in _expressions(written))
    assert not number or number not in written.text + asked.text


def test_a_patient_of_another_person_is_not_written_into_this_record(service: Running, someone: Person) -> None:
    other = admitted(service, 902)
    decision = _decision(someone, focus=[{"reference": other.patient}])

    answer = send(service, "/Observation", decision)

    assert answer.status_code == 422
    assert "exactly one person" in answer.text


def test_two_people_in_one_transaction_are_refused_and_neither_is_written(service: Running) -> None:
    one, other = person(8_993), person(8_994)
    both = transaction()
    both["entry"] = one.bundle["entry"] + other.bundle["entry"]

    answer = send(service, "", both)

    assert answer.status_code == 422
    for nobody in (one, other):
        found = service.call("GET", f"/Patient?identifier={NUMBER}|{nobody.nhs_number}", gp(service)).json()
        assert found["total"] == 0


# --- a transaction is all or nothing


def test_a_bundle_that_fails_in_its_seventh_entry_writes_nothing_of_the_other_six(service: Running) -> None:
    newcomer = person(905)
    newcomer.bundle["entry"][6]["resource"]["canaryElement"] = CANARY

    answer = send(service, "", newcomer.bundle)

    assert answer.status_code == 422
    assert _expressions(answer)
    assert all(expression.startswith("Bundle.entry[6].resource") for expression in _expressions(answer))
    found = service.call("GET", f"/Patient?identifier={NUMBER}|{newcomer.nhs_number}", gp(service)).json()
    assert found["total"] == 0
    del newcomer.bundle["entry"][6]["resource"]["canaryElement"]
    mended = service.call("POST", "", gp(service), newcomer.bundle)
    assert mended.status_code == 200
    assert len(references_of(mended)) == len(newcomer.bundle["entry"])


def test_a_bundle_that_fails_in_its_seventh_entry_by_a_rule_of_the_record_writes_nothing(
    service: Running, someone: Person
) -> None:
    flag = {
        "resourceType": "Flag",
        "status": "active",
        "code": {"text": "Oxygen in the house"},
        "subject": {"reference": someone.patient},
    }
    entries = [("POST", "Flag", flag)] * 6
    rival = cpr_decision(someone, "450475007")

    answer = send(service, "", transaction(*entries, ("POST", "Observation", rival)))

    assert answer.status_code == 409
    assert _expressions(answer) == {"Bundle.entry[6].resource"}
    assert service.call("GET", f"/Flag?patient={someone.patient}", gp(service)).json()["total"] == 0


def test_problems_of_several_entries_are_named_together(service: Running) -> None:
    newcomer = person(906)
    for number in (2, 6):
        newcomer.bundle["entry"][number]["resource"]["canaryElement"] = CANARY

    answer = send(service, "", newcomer.bundle)

    assert {expression.partition(".resource")[0] for expression in _expressions(answer)} == {
        "Bundle.entry[2]",
        "Bundle.entry[6]",
    }


@pytest.mark.parametrize(
    ("bundle", "expression"),
    [
        ({"type": "batch"}, "Bundle.type"),
        ({"type": CANARY}, "Bundle.type"),
        ({"type": "transaction"}, "Bundle.entry"),
        ({"type": "transaction", "entry": [{"request": {"method": "GET", "url": CANARY}}]}, None),
        ({"type": "transaction", "entry": [{"request": {"method": "PUT", "url": f"Flag/{CANARY}"}}]}, None),
        ({"type": "transaction", "entry": [{"request": {"method": "POST", "url": "Canary"}, "resource": {}}]}, None),
        ({"type": "transaction", "entry": [{"resource": {"resourceType": "Flag", "id": CANARY}}]}, None),
    ],
)
def test_a_bundle_that_is_no_transaction_of_ours_is_refused(
    service: Running, bundle: Json, expression: str | None
) -> None:
    answer = send(service, "", {"resourceType": "Bundle", **bundle})

    assert answer.status_code == 422
    if expression is not None:
        assert expression in _expressions(answer)


# --- versions


@pytest.mark.parametrize(
    ("if_match", "status"),
    [(None, 428), ("", 400), ("1", 400), (f'W/"{CANARY}"', 400), ("*", 400), ('W/"1", W/"2"', 400), ('W/"9"', 412)],
)
def test_an_update_names_the_version_that_was_read(
    service: Running, someone: Person, if_match: str | None, status: int
) -> None:
    current = service.call("GET", f"/{someone.cpr()}", gp(service)).json()
    headers = {} if if_match is None else {"If_Match": if_match}

    answer = send(service, f"/{someone.cpr()}", current, "PUT", **headers)

    assert answer.status_code == status


def test_an_update_of_what_is_not_here_creates_nothing(service: Running) -> None:
    nothing = {"resourceType": "Flag", "id": "never-was"}
    answer = send(
        service,
        "/Flag/never-was",
        nothing | {"status": "active", "code": {"text": CANARY}, "subject": {"display": "x"}},
        "PUT",
        If_Match='W/"1"',
    )
    assert answer.status_code == 404
