"""Our signed JWTs at a token endpoint that nobody here wrote: RS512, as the NHS API platform asks for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from adapters.errors import NotAuthorised, NotSent
from adapters.http import Answer, HttpClient
from fhir_profiles.json import decode
from security.client_assertion import ClientAssertion, SmartBackendAuth
from tests.peers.oidc_server import oidc_server

pytestmark = pytest.mark.peer
CLIENT, KID = "our-api-key", "int-1"
KEY = RSAKey.generate_key(2048, {"kid": KID, "use": "sig"})
STRANGER = RSAKey.generate_key(2048, {"kid": KID})


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with oidc_server(CLIENT, KEY) as address:
        yield address


def now() -> datetime:
    return datetime.now(UTC)


def assertion(server: str, **other: Any) -> ClientAssertion:
    return replace(ClientAssertion(CLIENT, f"{server}/oauth2/token", KEY, KID, "RS512", now), **other)


@asynccontextmanager
async def signed_in(made: ClientAssertion, clock: Any = now) -> AsyncIterator[HttpClient]:
    async with HttpClient(auth=SmartBackendAuth(made, None, clock)) as client:
        yield client


async def ask(client: HttpClient, server: str, **headers: str) -> Answer:
    return await client.send("GET", f"{server}/api", headers=headers)


async def test_one_token_serves_all_who_ask_at_once(server: str) -> None:
    async with signed_in(assertion(server)) as client:
        answers = await asyncio.gather(*(ask(client, server) for _ in range(8)))
    said = [decode(one.body) for one in answers]
    assert {one.status for one in answers} == {200}
    assert {one["client"] for one in said} == {CLIENT}
    assert len({one["jti"] for one in said}) == 1


async def test_a_token_that_was_withdrawn_is_replaced(server: str) -> None:
    async with signed_in(assertion(server)) as client:
        first = decode((await ask(client, server, **{"X-Withdraw": "1"})).body)
        second = await ask(client, server)
    assert second.status == 200
    assert decode(second.body)["jti"] != first["jti"]


async def test_a_token_is_refreshed_before_it_ends(server: str) -> None:
    ahead = [0.0]

    def clock() -> datetime:
        return now() + timedelta(seconds=ahead[0])

    async with signed_in(assertion(server), clock) as client:
        first = decode((await ask(client, server)).body)["jti"]
        ahead[0] = 560.0
        assert decode((await ask(client, server)).body)["jti"] == first
        ahead[0] = 571.0
        assert decode((await ask(client, server)).body)["jti"] != first


@pytest.mark.parametrize(
    "wrong",
    [
        {"algorithm": "RS384"},
        {"key": STRANGER},
        {"key_id": "int-2"},
        {"client_id": "another"},
        {"clock": lambda: now() - timedelta(minutes=6)},
        {"clock": lambda: now() + timedelta(minutes=6)},
    ],
    ids=["algorithm", "key", "kid", "client", "behind", "ahead"],
)
async def test_what_is_wrong_gets_no_token_and_says_so(server: str, wrong: dict[str, Any]) -> None:
    async with signed_in(assertion(server, **wrong)) as client:
        with pytest.raises(NotAuthorised) as caught:
            await ask(client, server)
    assert [issue.code for issue in caught.value.issues] == ["invalid_client"]


async def test_the_audience_is_the_endpoint_to_the_letter(server: str) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    async with httpx.AsyncClient(trust_env=False) as http:
        for audience in (f"{server}/oauth2/token/", "https://int.api.service.nhs.uk/oauth2/token"):
            signed = assertion(server, audience=audience).sign()
            answer = await http.post(f"{server}/oauth2/token", data={**form, "client_assertion": signed})
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_an_assertion_is_good_once(server: str) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion(server).sign(),
    }
    async with httpx.AsyncClient(trust_env=False) as http:
        first = await http.post(f"{server}/oauth2/token", data=form)
        second = await http.post(f"{server}/oauth2/token", data=form)
    assert (first.status_code, second.status_code) == (200, 401)


async def test_an_endpoint_that_is_away_is_not_our_sign_in() -> None:
    async with signed_in(assertion("http://127.0.0.1:9")) as client:
        with pytest.raises(NotSent):
            await ask(client, "http://127.0.0.1:9")
