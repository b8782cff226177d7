"""The token endpoint of a stand-in takes SMART Backend Services as published, and nothing that only looks like it."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from tests.standins.far_end import FarEnd, token_form

OTHER = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384", "kid": "sender-1"})
UNKNOWN = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384", "kid": "nobody-1"})


async def asked(end: FarEnd, form: dict[str, str], **more: Any) -> httpx.Response:
    """Ask for a token."""
    return await end.http.post(f"{end.addresses.page}/token", data=form, **more)


async def test_a_token_is_given_and_opens(practice: FarEnd) -> None:
    answer = await asked(practice, token_form(f"{practice.addresses.page}/token"))
    told = answer.json()
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("bearer", 300, "system/*.cruds")
    assert answer.headers["cache-control"] == "no-store"
    practice.headers["Authorization"] = f"Bearer {told['access_token']}"
    assert (await practice.search("Patient", "_count=1")).status_code == 200


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"iss": "other"}, "invalid_client"),
        ({"sub": "other"}, "invalid_client"),
        ({"aud": "https://elsewhere.example.org/token"}, "invalid_client"),
        ({"exp": int(time.time()) - 1}, "invalid_client"),
        ({"exp": int(time.time()) + 3600}, "invalid_client"),
        ({"exp": "soon"}, "invalid_client"),
        ({"jti": ""}, "invalid_client"),
        ({"jti": 7}, "invalid_client"),
    ],
)
async def test_claims_that_do_not_sign_in(practice: FarEnd, claims: dict[str, Any], error: str) -> None:
    answer = await asked(practice, token_form(f"{practice.addresses.page}/token", **claims))
    assert (answer.status_code, answer.json()["error"]) == (401, error)
    assert await practice.rules_broken() == ["token-request"]


@pytest.mark.parametrize("key", [OTHER, UNKNOWN])
async def test_a_key_that_is_not_registered(practice: FarEnd, key: ECKey) -> None:
    answer = await asked(practice, token_form(f"{practice.addresses.page}/token", key))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_an_assertion_is_good_once(practice: FarEnd) -> None:
    form = token_form(f"{practice.addresses.page}/token")
    assert [(await asked(practice, form)).status_code for _ in range(2)] == [200, 401]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_assertion_type": "basic"}, "invalid_request"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"scope": "patient/*.cruds"}, "invalid_scope"),
    ],
)
async def test_forms_that_ask_for_something_else(practice: FarEnd, change: dict[str, str], error: str) -> None:
    answer = await asked(practice, {**token_form(f"{practice.addresses.page}/token"), **change})
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_a_token_request_is_a_form(practice: FarEnd) -> None:
    answer = await practice.http.post(f"{practice.addresses.page}/token", json={"grant_type": "client_credentials"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_tokens_end_with_their_time_and_by_command(practice: FarEnd) -> None:
    control = practice.addresses.control
    assert (await practice.http.post(f"{control}/clock", json={"ahead": 301})).status_code == 200
    late = await practice.search("Patient", "_count=1")
    assert (late.status_code, late.json()["issue"][0]["code"]) == (401, "expired")
    await practice.http.post(f"{control}/clock", json={"ahead": 0})
    assert (await practice.search("Patient", "_count=1")).status_code == 200
    assert (await practice.http.post(f"{control}/tokens", json={})).status_code == 200
    assert (await practice.search("Patient", "_count=1")).status_code == 401
    assert await practice.rules_broken() == [], "a token that has ended is no broken rule"
