"""Every row of NRL's error table is the fact that it should be, whoever spelled the system, and says nothing more."""

from __future__ import annotations

import json

import pytest

from adapters.errors import ContentRefused, Faulty, NotAuthorised, NotThere, OutsideError, Overloaded, Unintelligible
from adapters.http import Answer
from adapters.nrl_refusals import FACTS, refuse
from service.sync.retry import Class, class_of
from tests.standins.nrl import ERROR_SYSTEMS

WRONG = """INVALID_RESOURCE INVALID_IDENTIFIER_SYSTEM INVALID_IDENTIFIER_VALUE INVALID_CODE_VALUE BAD_REQUEST
    MESSAGE_NOT_WELL_FORMED INVALID_PARAMETER PRECONDITION_FAILED MISSING_OR_INVALID_HEADER""".split()
DENIED = ["ACCESS_DENIED", "ACCESS_DENIED_LEVEL", "AUTHOR_CREDENTIALS_ERROR"]
TABLE = [
    *[(400, code, ContentRefused, Class.STOP) for code in WRONG],
    *[(status, code, NotAuthorised, Class.PARTNER) for status in (401, 403) for code in DENIED],
    *[(404, code, NotThere, Class.STOP) for code in ("NO_RECORD_FOUND", "RESOURCE_NOT_FOUND")],
    (422, "UNPROCESSABLE_ENTITY", ContentRefused, Class.STOP),
    (500, "INTERNAL_SERVER_ERROR", Faulty, Class.BOUNDED),
    *[(status, "", Overloaded, Class.BACK_OFF) for status in (408, 425, 429, 502, 503, 504)],
    # a code decides where the status is another; what means "later" does so whatever the code
    (400, "ACCESS_DENIED", NotAuthorised, Class.PARTNER),
    (400, "NO_RECORD_FOUND", NotThere, Class.STOP),
    (503, "INTERNAL_SERVER_ERROR", Overloaded, Class.BACK_OFF),
    (401, "BAD_REQUEST", NotAuthorised, Class.PARTNER),
    # codes that are in no table
    (400, "SOMETHING_NEW", ContentRefused, Class.STOP),
    (500, "SOMETHING_NEW", Faulty, Class.BOUNDED),
    (405, "", ContentRefused, Class.STOP),
]


def answered(status: int, code: str, system: str = ERROR_SYSTEMS[0], **headers: str) -> OutsideError:
    coding = {"system": system, "code": code}
    issue = {"severity": "error", "code": "invalid", "details": {"coding": [coding]}, "diagnostics": "9990000018"}
    body = json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()
    with pytest.raises(OutsideError) as caught:
        refuse(Answer(status, headers, body))
    return caught.value


@pytest.mark.parametrize("system", [*ERROR_SYSTEMS, "https://fhir.nhs.uk/another"])
@pytest.mark.parametrize(("status", "code", "fact", "what"), TABLE)
def test_a_row_of_the_table(status, code, fact, what, system):
    error = answered(status, code, system)
    assert (type(error), class_of(error)) == (fact, what)
    assert "999" not in str(error)
    assert code in str(error) or fact in (NotAuthorised, Overloaded)


def test_every_code_of_the_table_is_tried():
    assert {code for _, code, _, _ in TABLE} >= FACTS.keys()


def test_how_long_to_wait_goes_with_it():
    error = answered(429, "", **{"retry-after": "7"})
    assert isinstance(error, Overloaded)
    assert error.retry_after == 7.0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"issue":7}',
        b'{"issue":[7,{"details":7},{"details":{"coding":7}},{"details":{"coding":[7]},"code":"9990000018"}]}',
    ],
)
def test_a_body_that_is_none_is_judged_by_its_status(body):
    with pytest.raises(Faulty) as caught:
        refuse(Answer(500, {}, body))
    assert "999" not in str(caught.value)


def test_a_redirect_is_not_followed():
    with pytest.raises(Unintelligible):
        refuse(Answer(302, {}, b""))
