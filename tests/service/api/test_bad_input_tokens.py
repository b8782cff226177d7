"""Access tokens that must not work, over real HTTP: one plain refusal, nothing echoed, nothing released.

The details of each check are tested in `tests/security`; here it is seen that no route lets one through.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from security.assertions import Asserted
from security.keys import open_keys
from security.principal import Purpose, Role
from tests.journeys.people import (
    DR_TESTWICK,
    Person,
    admitted,
    assertion,
    gp,
    issues_of,
)
from tests.running import Running, parameters
from tests.service.api.bad_input import CANARY, decoded, encoded, is_clean

DOCTOR = Asserted("ZZGP01", Role.GP, Purpose.TREAT, DR_TESTWICK)


@pytest.fixture(scope="module")
def someone(service: Running) -> Person:
    """Whose plan nobody gets by any of these tokens."""
    return admitted(service, 950)


def _issuer_key(service: Running) -> ECKey:
    return ECKey.import_key(open_keys(service.settings.keys).issuer_pem)


def _claims(service: Running) -> dict[str, Any]:
    """Return the claims of a token that works."""
    _, claims, _ = gp(service).split(".")
    found: dict[str, Any] = json.loads(decoded(claims))
    return found


def _header(service: Running) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(decoded(gp(service).split(".")[0]))
    return found


def _signed(service: Running, claims: dict[str, Any], header: dict[str, Any] | None = None, key: Any = None) -> str:
    return jwt.encode({**_header(service), **(header or {})}, claims, key or _issuer_key(service))


def _unsigned(service: Running) -> str:
    header = encoded({**_header(service), "alg": "none"})
    return f"{header}.{encoded(_claims(service))}."


def _signed_with_the_public_key_as_a_secret(service: Running) -> str:
    """Return the classic confusion of asymmetric and HMAC algorithms."""
    public = _issuer_key(service).as_pem(private=False)
    head = f"{encoded({**_header(service), 'alg': 'HS256'})}.{encoded(_claims(service))}"
    return f"{head}.{encoded(hmac.new(public, head.encode(), hashlib.sha256).digest())}"


def _with_its_own_key_in_the_header(service: Running) -> str:
    key = ECKey.generate_key("P-256")
    return _signed(service, _claims(service), {"jwk": key.as_dict(private=False)}, key)


def _changed_after_signing(service: Running) -> str:
    header, _, signature = gp(service).split(".")
    return f"{header}.{encoded({**_claims(service), 'role': 'hospice'})}.{signature}"


def _older(service: Running, **age: float) -> dict[str, Any]:
    seconds = int(timedelta(**age).total_seconds())
    claims = _claims(service)
    return {**claims, "iat": claims["iat"] - seconds, "exp": claims["exp"] - seconds}


_BAD: dict[str, Callable[[Running], str]] = {
    "expired": lambda service: _signed(service, _older(service, hours=2)),
    "issued in the future": lambda service: _signed(service, _older(service, hours=-2)),
    "good for ten years": lambda service: _signed(service, {**_claims(service), "exp": 2_000_000_000}),
    "without an end": lambda service: _signed(service, {k: v for k, v in _claims(service).items() if k != "exp"}),
    "forged by another key": lambda service: _signed(
        service, _claims(service), key=ECKey.generate_key("P-256", {"kid": _header(service)["kid"]})
    ),
    "an RSA key instead": lambda service: _signed(
        service, _claims(service), {"alg": "RS256"}, RSAKey.generate_key(2048)
    ),
    "with its own key in the header": _with_its_own_key_in_the_header,
    "changed after signing": _changed_after_signing,
    "alg none": _unsigned,
    "HS for ES": _signed_with_the_public_key_as_a_secret,
    "for another audience": lambda service: _signed(service, {**_claims(service), "aud": "https://elsewhere.test"}),
    "for nobody": lambda service: _signed(service, {k: v for k, v in _claims(service).items() if k != "aud"}),
    "of another issuer": lambda service: _signed(service, {**_claims(service), "iss": f"https://{CANARY}.test"}),
    "of another type": lambda service: _signed(service, _claims(service), {"typ": "JWT"}),
    "of a key nobody knows": lambda service: _signed(service, _claims(service), {"kid": CANARY}),
    "a client assertion": lambda service: assertion(service, "demo-gp", DOCTOR).sign(),
    "no token at all": lambda service: CANARY,
    "three dots": lambda service: f"{CANARY}.{CANARY}.{CANARY}",
    "larger than any token": lambda service: "a" * 20_000,
}


@pytest.mark.parametrize("how", _BAD)
def test_a_bad_token_opens_nothing(service: Running, someone: Person, how: str) -> None:
    token = _BAD[how](service)

    for method, path, body in (
        ("GET", f"/{someone.patient}", None),
        ("POST", "/Patient/$emergency-summary", parameters(nhsNumber=someone.nhs_number)),
        ("POST", "", someone.bundle),
    ):
        answer = service.call(method, path, token, body)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert issues_of(answer)[0]["code"] == "login"
        is_clean(service, answer, token)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {CANARY}"},
        {"Authorization": f"bearer{CANARY}"},
    ],
)
def test_another_way_of_signing_in_is_none(service: Running, someone: Person, headers: dict[str, str]) -> None:
    answer = service.call("GET", f"/{someone.patient}", None, None, headers)

    assert answer.status_code == 401
    is_clean(service, answer)


def test_of_two_tokens_none_is_chosen(service: Running, someone: Person) -> None:
    headers = [("Authorization", f"Bearer {gp(service)}"), ("Authorization", f"Bearer {gp(service)}")]

    answer = service.client.get(f"{service.settings.fhir_base}/{someone.patient}", headers=headers)

    assert answer.status_code == 401


def test_a_token_in_the_address_is_none(service: Running, someone: Person) -> None:
    answer = service.call("GET", f"/{someone.patient}?access_token={gp(service)}", None)
    assert answer.status_code == 401


def test_a_scope_that_is_not_held_opens_nothing(service: Running, someone: Person) -> None:
    narrow = _signed(service, {**_claims(service), "scope": "system/Observation.rs"})

    assert service.call("GET", f"/{someone.cpr()}", narrow).status_code == 200
    assert service.call("GET", f"/{someone.patient}", narrow).status_code == 403
    assert service.call("POST", "", narrow, someone.bundle).status_code == 403
    unheard = _signed(service, {**_claims(service), "scope": CANARY})
    answer = service.call("GET", f"/{someone.cpr()}", unheard)
    assert answer.status_code in (401, 403)
    is_clean(service, answer)


def test_a_role_that_nobody_knows_opens_nothing(service: Running, someone: Person) -> None:
    token = _signed(service, {**_claims(service), "role": CANARY})

    answer = service.call("GET", f"/{someone.patient}", token)

    assert answer.status_code == 403
    is_clean(service, answer, token)


@pytest.mark.parametrize("purpose", ["HMARKT", "HRESCH", "HPAYMT", "PUBHLTH", CANARY])
def test_another_purpose_than_care_opens_nothing(service: Running, someone: Person, purpose: str) -> None:
    token = service.token("gp", "ZZGP01", purpose=purpose)

    answers = [service.call("GET", f"/{name}", token) for name in (someone.patient, "Patient/nobody")]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].content == answers[1].content
    is_clean(service, answers[0], token)
