"""The stand-in of NRL refuses what NRL refuses, with its status and code; nothing here goes through an adapter."""

from __future__ import annotations

import copy
import json
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest

from tests.standins.nrl import FORM, MEDIA_TYPE, POINTERS, Asked, Nrl, Reply, nrl_server

Json = dict[str, Any]
OWNER, OTHER = "ZZHSP1", "ZZHSP2"
NUMBER = "9990000018"
SNOMED = "http://snomed.info/sct"
ENGLAND = "https://fhir.nhs.uk/England"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"


def pointer() -> Json:
    """Return a pointer that NRL takes."""
    stability = {"system": f"{ENGLAND}/CodeSystem/England-NRLContentStability", "code": "dynamic", "display": "Dynamic"}
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [{"system": SNOMED, "code": "736373009", "display": "End of life care plan"}]},
        "category": [{"coding": [{"system": SNOMED, "code": "734163000", "display": "Care plan"}]}],
        "subject": {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NUMBER}},
        "author": [{"identifier": {"system": ODS, "value": OWNER}}],
        "custodian": {"identifier": {"system": ODS, "value": OWNER}},
        "content": [
            {
                "attachment": {"contentType": "application/pdf", "url": "ssp://records.example/plan/7c1e"},
                "format": {
                    "system": f"{ENGLAND}/CodeSystem/England-NRLFormatCode",
                    "code": "urn:nhs-ic:unstructured",
                    "display": "Unstructured Document",
                },
                "extension": [
                    {
                        "url": f"{ENGLAND}/StructureDefinition/Extension-England-ContentStability",
                        "valueCodeableConcept": {"coding": [stability]},
                    }
                ],
            }
        ],
        "context": {
            "practiceSetting": {"coding": [{"system": SNOMED, "code": "395092004", "display": "x"}]},
            "related": [{"identifier": {"system": "https://fhir.nhs.uk/Id/nhsSpineASID", "value": "200000000115"}}],
        },
    }


def with_(path: str, value: Any) -> Json:
    """Return a pointer of which one element is another; None takes it away."""
    made = pointer()
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    at: Any = made
    for step in steps:
        at = at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return made


def asked(nrl: Nrl, method: str, path: str = "", body: Any = None, **headers: Any) -> Reply:
    """Ask as a producer does."""
    told: dict[str, Any] = {
        "authorization": "Bearer x",
        "nhsd-end-user-organisation-ods": OWNER,
        "x-request-id": str(uuid4()),
        "accept": MEDIA_TYPE,
        "content-type": FORM if path == "/_search" else MEDIA_TYPE,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = nrl.answer(
        Asked(method, f"{POINTERS}{path}", {name: one for name, one in told.items() if one is not None}, content)
    )
    assert reply is not None
    return reply


def code_of(reply: Reply) -> str:
    found: str = reply.body["issue"][0]["details"]["coding"][0]["code"]
    return found


def nrl_with_one() -> tuple[Nrl, str]:
    nrl = Nrl({OWNER: {"736373009"}, OTHER: {"736373009"}})
    reply = asked(nrl, "POST", body=pointer())
    assert (reply.status, code_of(reply)) == (201, "RESOURCE_CREATED")
    return nrl, reply.headers["Location"].rpartition("/")[2]


@pytest.mark.parametrize(
    ("path", "value", "status", "code"),
    [
        ("subject.identifier.value", "9990000019", 500, "INTERNAL_SERVER_ERROR"),
        ("author", [], 500, "INTERNAL_SERVER_ERROR"),
        ("content.0.attachment.url", "", 500, "INTERNAL_SERVER_ERROR"),
        ("subject.identifier.system", "http://x", 400, "INVALID_IDENTIFIER_SYSTEM"),
        ("custodian.identifier.system", "http://x", 400, "INVALID_IDENTIFIER_SYSTEM"),
        ("custodian.identifier.value", OTHER, 403, "AUTHOR_CREDENTIALS_ERROR"),
        ("author", pointer()["author"] * 2, 400, "INVALID_RESOURCE"),
        ("category", pointer()["category"] * 2, 400, "INVALID_RESOURCE"),
        ("category.0.coding.0.display", "Plan", 400, "INVALID_CODE_VALUE"),
        ("type.coding.0.display", "End of life plan", 400, "INVALID_CODE_VALUE"),
        ("status", "superseded", 400, "INVALID_RESOURCE"),
        ("docStatus", "draft", 400, "INVALID_RESOURCE"),
        ("content", [], 400, "INVALID_RESOURCE"),
        ("content.0.format.display", "Document", 400, "INVALID_CODE_VALUE"),
        ("content.0.extension", [], 400, "INVALID_RESOURCE"),
        ("content.0.attachment.url", "ssp://records.example/pl%61n", 400, "INVALID_RESOURCE"),
        ("content.0.attachment.url", "ssp://proxy.example/https://records.example", 400, "INVALID_RESOURCE"),
        ("content.0.attachment.url", f"ssp://records.example/{NUMBER}", 400, "INVALID_RESOURCE"),
        ("context.related", [], 400, "INVALID_RESOURCE"),
        ("context.related.0.identifier.value", "20000000011", 400, "INVALID_RESOURCE"),
        ("context.practiceSetting", None, 400, "INVALID_RESOURCE"),
        ("subject.display", "A name", 400, "INVALID_RESOURCE"),
        ("text", {"status": "generated"}, 400, "INVALID_RESOURCE"),
        ("id", "mine", 400, "INVALID_RESOURCE"),
    ],
)
def test_a_pointer_that_breaks_a_rule(path: str, value: Any, status: int, code: str) -> None:
    nrl = Nrl({OWNER: {"736373009"}, OTHER: {"736373009"}})
    reply = asked(nrl, "POST", body=with_(path, value))
    assert (reply.status, code_of(reply)) == (status, code)
    assert nrl.held == {}


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"authorization": None}, 401, "ACCESS_DENIED"),
        ({"x_request_id": None}, 400, "MISSING_OR_INVALID_HEADER"),
        ({"x_request_id": "7"}, 400, "MISSING_OR_INVALID_HEADER"),
        ({"nhsd_end_user_organisation_ods": None}, 400, "PRECONDITION_FAILED"),
        ({"nhsd_end_user_organisation_ods": "ZZHSP9"}, 403, "ACCESS_DENIED"),
        ({"accept": "application/fhir+xml"}, 400, "MISSING_OR_INVALID_HEADER"),
        ({"content_type": "application/json"}, 400, "MISSING_OR_INVALID_HEADER"),
    ],
)
def test_a_header_that_is_missing_or_wrong(headers: dict[str, Any], status: int, code: str) -> None:
    reply = asked(Nrl({OWNER: {"736373009"}}), "POST", body=pointer(), **headers)
    assert (reply.status, code_of(reply)) == (status, code)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, "INVALID_PARAMETER"),
        ({"subject:identifier": NUMBER}, "INVALID_PARAMETER"),
        ({"subject:identifier": "https://fhir.nhs.uk/Id/nhs-number|9990000019"}, "INVALID_IDENTIFIER_VALUE"),
        ({"subject:identifier": f"https://fhir.nhs.uk/Id/nhs-number|{NUMBER}", "custodian": "x"}, "INVALID_PARAMETER"),
    ],
)
def test_a_search_that_is_none(parameters: dict[str, str], code: str) -> None:
    reply = asked(nrl_with_one()[0], "POST", "/_search", urlencode(parameters).encode())
    assert (reply.status, code_of(reply)) == (400, code)


def test_a_search_finds_the_own_ones_of_a_type() -> None:
    nrl, id = nrl_with_one()
    whose = f"https://fhir.nhs.uk/Id/nhs-number|{NUMBER}"
    for kind, owner, found in (
        ("736373009", OWNER, [id]),
        ("736366004", OWNER, []),
        ("736373009", OTHER, []),
    ):
        form = urlencode({"subject:identifier": whose, "type": f"{SNOMED}|{kind}"}).encode()
        reply = asked(nrl, "POST", "/_search", form, nhsd_end_user_organisation_ods=owner)
        assert [one["resource"]["id"] for one in reply.body["entry"]] == found


def test_a_create_that_is_sent_again_makes_a_second() -> None:
    nrl, _ = nrl_with_one()
    asked(nrl, "POST", body=pointer())
    assert len(nrl.pointers(NUMBER)) == 2


def test_a_replacement_deletes_its_target_and_needs_it() -> None:
    nrl, old = nrl_with_one()
    target = {"type": "DocumentReference", "identifier": {"value": old}}
    body = {**pointer(), "relatesTo": [{"code": "replaces", "target": target}]}
    other = copy.deepcopy(body)
    other["subject"]["identifier"]["value"] = "9990000026"
    assert code_of(asked(nrl, "POST", body=other)) == "BAD_REQUEST"
    assert (code_of(asked(nrl, "POST", body=body)), len(nrl.held)) == ("RESOURCE_SUPERSEDED", 1)
    assert old not in nrl.held
    again = asked(nrl, "POST", body=body)
    assert (again.status, code_of(again), len(nrl.held)) == (400, "BAD_REQUEST", 1)


@pytest.mark.parametrize(
    ("path", "value", "status"),
    [
        ("docStatus", "amended", 200),
        ("subject.identifier.value", "9990000026", 400),
        ("date", "2026-01-01T10:00:00Z", 400),
        ("masterIdentifier", {"value": "x"}, 400),
        ("id", "another", 400),
    ],
)
def test_an_update_changes_no_identity(path: str, value: Any, status: int) -> None:
    nrl, id = nrl_with_one()
    body = with_(path, value)
    reply = asked(nrl, "PUT", f"/{id}", {"id": id, **body})
    assert reply.status == status


def test_what_is_not_there_and_what_is_anothers() -> None:
    nrl, id = nrl_with_one()
    for method in ("GET", "PUT", "DELETE"):
        missing = asked(nrl, method, f"/{OWNER}-none", pointer())
        assert (missing.status, code_of(missing)) == (404, "NO_RECORD_FOUND")
        theirs = asked(nrl, method, f"/{id}", pointer(), nhsd_end_user_organisation_ods=OTHER)
        assert (theirs.status, code_of(theirs)) == (403, "AUTHOR_CREDENTIALS_ERROR")
    assert asked(nrl, "DELETE", f"/{id}").status == 200
    assert nrl.held == {}


def test_on_a_socket_head_is_not_allowed_and_there_is_no_capability_statement() -> None:
    with nrl_server(lambda origin: Nrl({OWNER: {"736373009"}})) as (origin, _), httpx.Client(trust_env=False) as http:
        assert http.head(f"{origin}{POINTERS}/x").status_code == 405
        assert http.get(f"{origin}{POINTERS.rpartition('/')[0]}/metadata").status_code == 404
