"""Rules of a Bundle and of Parameters themselves."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_profiles.validation import validate

URN = "urn:uuid:6f0c1a52-0d0a-4a3e-9d0e-000000000001"


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "fullUrl": URN,
        "resource": {"resourceType": "Patient"},
        "request": {"method": "POST", "url": "Patient"},
        **changes,
    }


def transaction(*entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries), **changes}


def found(resource: dict[str, Any]) -> list[tuple[str, str]]:
    return [(issue.code, issue.expression) for issue in validate(resource)]


def test_a_transaction_is_accepted_without_judging_what_is_inside() -> None:
    assert found(transaction(entry(resource={"resourceType": "Patient", "gender": "banana"}))) == []


@pytest.mark.parametrize(
    ("bundle", "problems"),
    [
        ({"resourceType": "Bundle"}, [("required", "Bundle.type")]),
        (
            transaction(entry(), type="banana"),
            [("code-invalid", "Bundle.type"), ("invariant", "Bundle.entry[0].request")],
        ),
        (
            transaction({"fullUrl": URN, "resource": {"resourceType": "Patient"}}),
            [("invariant", "Bundle.entry[0].request")],
        ),
        (transaction(entry(request={"method": "POST"})), [("required", "Bundle.entry[0].request.url")]),
        (
            transaction(entry(request={"method": "STEAL", "url": "Patient"})),
            [("code-invalid", "Bundle.entry[0].request.method")],
        ),
        (transaction(entry(), entry()), [("invariant", "Bundle.entry[1].fullUrl")]),
        (transaction(entry(fullUrl="Patient/1")), [("value", "Bundle.entry[0].fullUrl")]),
        (
            transaction(entry(fullUrl="https://example.org/Patient/1/_history/2")),
            [("invariant", "Bundle.entry[0].fullUrl")],
        ),
        (transaction(entry(resource={})), [("required", "Bundle.entry[0].resource.resourceType")]),
        (
            transaction(entry(request={"method": "POST", "url": "Observation"})),
            [("value", "Bundle.entry[0].request.url")],
        ),
        (
            transaction(entry(request={"method": "POST", "url": "Patient/1"})),
            [("value", "Bundle.entry[0].request.url")],
        ),
        (transaction(entry(request={"method": "PUT", "url": "Patient"})), [("value", "Bundle.entry[0].request.url")]),
        (
            transaction(entry(request={"method": "PUT", "url": "https://example.org/Patient/1"})),
            [("value", "Bundle.entry[0].request.url")],
        ),
        (
            transaction(entry(request={"method": "DELETE", "url": "Patient/1"})),
            [("structure", "Bundle.entry[0].resource")],
        ),
        (transaction({"request": {"method": "POST", "url": "Patient"}}), [("required", "Bundle.entry[0].resource")]),
        (
            transaction(entry(request={"method": "PUT", "url": "Patient/1", "ifNoneExist": "x=y"})),
            [("structure", "Bundle.entry[0].request.ifNoneExist")],
        ),
        (transaction(entry(), total=1), [("invariant", "Bundle.total")]),
        (transaction(entry(search={"mode": "match"})), [("invariant", "Bundle.entry[0].search")]),
        (transaction(entry(response={"status": "200"})), [("invariant", "Bundle.entry[0].response")]),
        (transaction("x"), [("structure", "Bundle.entry[0]")]),  # type: ignore[arg-type]  # the wrong shape is what is tested
        (transaction(entry(unknown=1)), [("structure", "Bundle.entry[0]")]),
    ],
)
def test_what_is_wrong_with_a_bundle_is_told(bundle: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    assert sorted(found(bundle)) == sorted(problems)


@pytest.mark.parametrize(
    ("method", "url"),
    [("PUT", "Patient/1"), ("PUT", "Patient?identifier=x"), ("POST", "Patient"), ("PATCH", "Patient/1")],
)
def test_relative_urls_of_requests_are_accepted(method: str, url: str) -> None:
    assert found(transaction(entry(request={"method": method, "url": url}))) == []


def test_versions_may_share_a_url_in_a_history() -> None:
    versions = [
        {
            "fullUrl": "https://example.org/Patient/1",
            "resource": {"resourceType": "Patient", "meta": {"versionId": version}},
            "request": {"method": "PUT", "url": "Patient/1"},
            "response": {"status": "200"},
        }
        for version in ("1", "2")
    ]
    assert found({"resourceType": "Bundle", "type": "history", "entry": versions}) == []


def test_a_parameter_has_one_content() -> None:
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "a", "valueString": "x", "part": [{"name": "b", "valueString": "y"}]}],
    }
    assert found(parameters) == [("invariant", "Parameters.parameter[0]")]
    assert found({"resourceType": "Parameters", "parameter": [{"name": "a", "valueString": "x"}]}) == []


@pytest.mark.parametrize("value", [{}, [], ["POST"], 7, True])
def test_values_that_are_no_codes_are_told_and_not_looked_up(value: Any) -> None:
    assert "Bundle.type" in [at for _, at in found(transaction(entry(), type=value))]
    odd = transaction(entry(request={"method": value, "url": "Patient"}))
    assert "Bundle.entry[0].request.method" in [at for _, at in found(odd)]
