"""Every row of MESH's table of errors, in both of its dialects, is a fact; no fact repeats what MESH said in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import (
    Conflict,
    ContentRefused,
    Faulty,
    NotAuthorised,
    NotThere,
    OtherPerson,
    OutsideError,
    Overloaded,
    PersonUnknown,
    Refused,
    ReportedIssue,
    Unintelligible,
)
from adapters.http import Answer
from adapters.mesh_refusals import CLOCKS_DISAGREE, failure, refuse
from tests.adapters.mesh_small import START, body

ROWS = [
    ("02", ContentRefused),
    ("06", ContentRefused),
    ("07", NotAuthorised),
    ("08", ContentRefused),
    ("11", ContentRefused),
    ("12", NotThere),
    ("14", NotThere),
    ("16", NotAuthorised),
    ("17", NotAuthorised),
    ("20", NotThere),
    ("EPL-150", Conflict),
    ("EPL-151", NotThere),
    ("EPL-152", ContentRefused),
    ("EPL-153", PersonUnknown),
    ("EPL-154", OtherPerson),
]
TEXT = "9990000018 does not match SMITH"


def fact(status: int, said: bytes, **headers: str) -> OutsideError:
    with pytest.raises(OutsideError) as caught:
        refuse(Answer(status, headers, said), START)
    return caught.value


@pytest.mark.parametrize(("code", "kind"), ROWS)
@pytest.mark.parametrize("status", [400, 417])
def test_a_code_is_the_same_fact_in_both_dialects_and_in_a_report(code, kind, status):
    second = fact(status, body({"detail": [{"event": "SEND", "code": code, "msg": TEXT}]}))
    first = fact(status, body({"errorEvent": "SEND", "errorCode": code, "errorDescription": TEXT}))
    report = failure(code, "SEND")
    for found in (first, second, report):
        assert type(found) is kind
        assert isinstance(found, Refused)
        assert ReportedIssue("error", code, ("SEND",)) in found.issues
        assert "9990000018" not in f"{found} {found!r}"
        assert "SMITH" not in f"{found} {found!r}"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ContentRefused),
        (401, NotAuthorised),
        (403, NotAuthorised),
        (404, NotThere),
        (406, ContentRefused),
        (408, Overloaded),
        (410, NotThere),
        (417, ContentRefused),
        (425, Overloaded),
        (429, Overloaded),
        (500, Faulty),
        (502, Overloaded),
        (503, Overloaded),
        (504, Overloaded),
        (302, Unintelligible),
    ],
)
def test_a_status_without_a_code_says_it_too(status, kind):
    for said in (b"", b"<soap/>", body({"internal_id": "1", "message": "An internal error occurred."})):
        assert type(fact(status, said)) is kind


@pytest.mark.parametrize("status", [403, 410, 429, 503])
def test_what_the_status_says_for_sure_no_code_unsays(status):
    assert type(fact(status, body({"errorCode": "12"}))) is type(fact(status, b""))


def test_a_list_of_the_framework_names_fields_and_repeats_no_input():
    said = {
        "detail": [{"loc": ["header", "mex-to"], "msg": "field required", "type": "missing", "input": TEXT}],
        "body": TEXT,
    }
    found = fact(400, body(said))
    assert isinstance(found, ContentRefused)
    assert found.issues == (ReportedIssue("error", "missing", ("header.mex-to",)),)
    assert "SMITH" not in f"{found} {found!r}"


def test_a_text_in_the_place_of_a_code_is_not_repeated():
    found = fact(417, body({"errorCode": TEXT, "errorEvent": "9990000018"}))
    assert isinstance(found, Refused)
    assert found.issues == (ReportedIssue("error", "unknown"),)


def test_how_long_to_wait_is_kept():
    found = fact(429, b"", **{"retry-after": "60"})
    assert isinstance(found, Overloaded)
    assert found.retry_after == 60


@pytest.mark.parametrize(
    ("date", "apart"),
    [
        ("Sat, 28 Nov 2026 09:10:00 GMT", False),
        ("Sat, 28 Nov 2026 11:00:00 GMT", True),
        ("Sat, 28 Nov 2026 06:00:00 GMT", True),
        ("yesterday", False),
    ],
)
def test_a_403_says_when_the_clocks_disagree(date, apart):
    found = fact(403, b"", date=date)
    assert isinstance(found, NotAuthorised)
    assert (ReportedIssue("error", CLOCKS_DISAGREE) in found.issues) is apart


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["detail", "code", "event", "loc", "type", "errorCode", "errorEvent"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.integers(300, 599), JSON | st.binary(max_size=20))
def test_whatever_the_body_is_it_is_a_fact(status, said):
    assert isinstance(fact(status, said if isinstance(said, bytes) else body(said)), OutsideError)
