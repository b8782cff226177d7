"""Client assertions and token requests that must give no token, over real HTTP: RFC 6749 errors that repeat nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from security.assertions import Asserted
from security.client_assertion import ASSERTION_TYPE
from security.demo_clients import private_key
from security.principal import NamedPerson, Purpose, Role
from service.wiring import clock_of
from tests.journeys.people import DR_TESTWICK, assertion, gp, send_assertion
from tests.running import Running
from tests.service.api.bad_input import CANARY, decoded, encoded, is_clean

DOCTOR = Asserted("ZZGP01", Role.GP, Purpose.TREAT, DR_TESTWICK)


def test_an_assertion_is_good_for_one_token(service: Running) -> None:
    signed = assertion(service, "demo-gp", DOCTOR).sign()

    first, again = send_assertion(service, signed), send_assertion(service, signed)

    assert first.status_code == 200
    _refused(service, again, "invalid_client", 401)


def _assertion_claims(service: Running) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(decoded(assertion(service, "demo-gp", DOCTOR).sign().split(".")[1]))
    return found


def _asserted(service: Running, header: dict[str, Any] | None = None, key: Any = None, **changed: Any) -> str:
    head = {"alg": "ES384", "kid": "demo-gp-1", "typ": "JWT"} | (header or {})
    claims = _assertion_claims(service) | changed
    present = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(head, present, key or private_key(service.settings.home, "demo-gp"), [head["alg"]])


def _now(service: Running) -> int:
    return int(clock_of(service.settings)().timestamp())


def _assertion_without_signature(service: Running) -> str:
    return f"{encoded({'alg': 'none', 'typ': 'JWT', 'kid': 'demo-gp-1'})}.{encoded(_assertion_claims(service))}."


def _assertion_by_public_key(service: Running) -> str:
    public = private_key(service.settings.home, "demo-gp").as_pem(private=False)
    head = f"{encoded({'alg': 'HS384', 'typ': 'JWT', 'kid': 'demo-gp-1'})}.{encoded(_assertion_claims(service))}"
    return f"{head}.{encoded(hmac.new(public, head.encode(), hashlib.sha384).digest())}"


_BAD_ASSERTIONS: dict[str, Callable[[Running], str]] = {
    "expired": lambda service: _asserted(service, iat=_now(service) - 900, exp=_now(service) - 600),
    "good for an hour": lambda service: _asserted(service, exp=_now(service) + 3600),
    "without an end": lambda service: _asserted(service, exp=None),
    "without an id": lambda service: _asserted(service, jti=None),
    "for another audience": lambda service: _asserted(service, aud=f"https://{CANARY}.test/token"),
    "for the FHIR base": lambda service: _asserted(service, aud=service.settings.fhir_base),
    "of somebody for somebody else": lambda service: _asserted(service, sub="demo-hospice"),
    "of another type": lambda service: _asserted(service, {"typ": "at+jwt"}),
    "by an unknown key": lambda service: _asserted(service, {"kid": CANARY}),
    "by another clients key": lambda service: _asserted(
        service, key=private_key(service.settings.home, "demo-hospice")
    ),
    "forged": lambda service: _asserted(service, key=ECKey.generate_key("P-384", {"kid": "demo-gp-1"})),
    "by RSA for EC": lambda service: _asserted(service, {"alg": "RS384"}, RSAKey.generate_key(2048)),
    "alg none": _assertion_without_signature,
    "HS for ES": _assertion_by_public_key,
    "an access token": gp,
    "no JWT": lambda service: CANARY,
}


@pytest.mark.parametrize("how", _BAD_ASSERTIONS)
def test_a_bad_assertion_gives_no_token(service: Running, how: str) -> None:
    signed = _BAD_ASSERTIONS[how](service)
    _refused(service, send_assertion(service, signed), "invalid_client", 401, signed)


@pytest.mark.parametrize(
    "asserted",
    [
        Asserted("ZZGP01", Role.HOSPICE, Purpose.TREAT, NamedPerson("zz-1", CANARY)),
        Asserted("ZZGP02", Role.GP, Purpose.TREAT, NamedPerson("zz-1", CANARY)),
        Asserted("ZZGP01", Role.PRIVACY_OFFICER, Purpose.HCOMPL, NamedPerson("zz-1", CANARY)),
    ],
)
def test_a_person_whom_the_registration_does_not_allow_is_refused(service: Running, asserted: Asserted) -> None:
    signed = assertion(service, "demo-gp", asserted).sign()
    _refused(service, send_assertion(service, signed), "invalid_grant", 400, signed)


@pytest.mark.parametrize(
    "b2b",
    [
        {"version": "2"},
        {"version": "1", "organization_id": "ZZGP01", "purpose_of_use": "TREAT", "subject_id": CANARY},
        {"version": "1", "organization_id": "ZZGP01", "purpose_of_use": CANARY},
        {"version": "1", "organization_id": "ZZGP01", "purpose_of_use": ["TREAT", "ETREAT"]},
        CANARY,
    ],
)
def test_an_assertion_that_names_a_person_by_halves_is_refused(service: Running, b2b: Any) -> None:
    signed = assertion(service, "demo-gp", DOCTOR, extensions={"hl7-b2b": b2b}).sign()
    _refused(service, send_assertion(service, signed), "invalid_grant", 400, signed)


def test_a_scope_beyond_the_registration_is_refused(service: Running) -> None:
    signed = assertion(service, "demo-gp", DOCTOR).sign()
    _refused(service, send_assertion(service, signed, scope="epaccs/incident.write"), "invalid_scope", 400)


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password", "username": CANARY, "password": CANARY}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "client_id": "demo-gp", "client_secret": CANARY}, "invalid_client"),
        ({"grant_type": "client_credentials"}, "invalid_client"),
        ({"client_assertion": CANARY, "client_assertion_type": ASSERTION_TYPE}, "invalid_request"),
    ],
)
def test_no_other_grant_is_given(service: Running, form: dict[str, str], error: str) -> None:
    answer = service.client.post(f"{service.settings.base_url}/oauth2/token", data=form)
    _refused(service, answer, error, answer.status_code)
    assert answer.status_code in (400, 401)


@pytest.mark.parametrize(
    ("body", "declared"),
    [
        (b"grant_type=client_credentials&grant_type=" + CANARY.encode(), "application/x-www-form-urlencoded"),
        (b"grant_type=%ff" + CANARY.encode(), "application/x-www-form-urlencoded"),
        (b"a=" + b"x" * 20_000, "application/x-www-form-urlencoded"),
        (b'{"grant_type":"client_credentials"}', "application/json"),
    ],
)
def test_a_form_that_is_none_is_refused(service: Running, body: bytes, declared: str) -> None:
    answer = service.client.post(
        f"{service.settings.base_url}/oauth2/token", content=body, headers={"Content-Type": declared}
    )
    _refused(service, answer, "invalid_request", 400)


def _refused(service: Running, answer: httpx.Response, error: str, status: int, signed: str = "") -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["error"] == error
    assert answer.json().keys() <= {"error", "error_description", "error_uri"}
    assert answer.headers["cache-control"] == "no-store"
    is_clean(service, answer, signed)
