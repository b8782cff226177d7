"""Signing in elsewhere: one token for many requests, refreshed early, once, and never in a loop."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

import httpx
import pytest
from joserfc import jwt

from security.assertions import Asserted, b2b_extensions
from security.client_assertion import ClientAssertion, SmartBackendAuth
from security.errors import TokenRefused
from security.principal import NamedPerson, Purpose, Role
from tests.security.identity import CLIENT_KEY, ENDPOINTS, RSA_KEY, World, form

TOKEN_URL = ENDPOINTS.token_url
PERSON = Asserted(
    "ZZGP02",
    Role.GP,
    Purpose.ETREAT,
    NamedPerson("clinician-1", "Dr Morwenna Example"),
    assurance=2,
    incident="CAD-1",
    self_claim_reason="Called to the home address",
)


@pytest.fixture
def world() -> World:
    return World()


def assertion(world: World, asserted: Asserted | None = None) -> ClientAssertion:
    extensions = b2b_extensions(asserted) if asserted else None
    return ClientAssertion("gp-system", TOKEN_URL, CLIENT_KEY, "gp-1", "ES384", world.clock, extensions)


async def test_our_own_issuer_takes_our_assertions(world):
    answer = await world.issuer.answer(form(assertion(world).sign()))
    assert (await world.verifier.verify(answer.body["access_token"])).role is Role.SYSTEM


async def test_what_is_asserted_arrives_as_it_was_meant(world):
    answer = await world.issuer.answer(form(assertion(world, PERSON).sign()))
    who = await world.verifier.verify(answer.body["access_token"])
    arrived = Asserted(
        who.organisation, who.role, who.purpose, who.user, who.assurance, who.incident, who.self_claim_reason
    )
    assert arrived == PERSON


def test_the_form_that_the_nhs_platform_asks_for(world):
    made = ClientAssertion("api-key", TOKEN_URL, RSA_KEY, "int-1", "RS512", world.clock).sign()
    token = jwt.decode(made, RSA_KEY, ["RS512"])
    assert token.header == {"typ": "JWT", "alg": "RS512", "kid": "int-1"}
    assert token.claims["iss"] == token.claims["sub"] == "api-key"
    assert token.claims["aud"] == TOKEN_URL
    assert 0 < token.claims["exp"] - world.seconds <= 300


def test_every_assertion_is_new_and_none_shows_its_key(world):
    maker = assertion(world, PERSON)
    assert maker.sign() != maker.sign()
    assert "key=" not in repr(maker)
    assert "Morwenna" not in repr(maker)


class Server:
    """A token endpoint and a resource behind it. `valid` are the tokens that the resource takes."""

    def __init__(self) -> None:
        self.issued = 0
        self.requests = 0
        self.scopes: list[str | None] = []
        self.valid: set[str] = set()
        self.answer: httpx.Response | None = None
        self.takes_tokens = True

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if str(request.url) == TOKEN_URL:
            sent = parse_qs((await request.aread()).decode())
            assert sent["grant_type"] == ["client_credentials"]
            self.scopes.append(sent.get("scope", [None])[0])
            await asyncio.sleep(0)
            if self.answer is not None:
                return self.answer
            self.issued += 1
            if self.takes_tokens:
                self.valid = {f"token-{self.issued}"}
            return httpx.Response(
                200, json={"access_token": f"token-{self.issued}", "token_type": "bearer", "expires_in": 600}
            )
        self.requests += 1
        token = request.headers["Authorization"].removeprefix("Bearer ")
        assert (await request.aread()) == b"body"
        await asyncio.sleep(0)
        return httpx.Response(200 if token in self.valid else 401)


@pytest.fixture
def server() -> Server:
    return Server()


def connected(server: Server, world: World, scope: str | None = "system/*.rs") -> httpx.AsyncClient:
    auth = SmartBackendAuth(assertion(world), scope, world.clock)
    return httpx.AsyncClient(transport=httpx.MockTransport(server), auth=auth)


async def ask(client: httpx.AsyncClient) -> int:
    return (await client.post("https://fhir.test/Patient/_search", content=b"body")).status_code


async def test_one_token_serves_many_requests(world, server):
    async with connected(server, world) as client:
        assert await asyncio.gather(*(ask(client) for _ in range(5))) == [200] * 5
    assert (server.issued, server.requests) == (1, 5)
    assert server.scopes == ["system/*.rs"]


async def test_a_token_is_refreshed_thirty_seconds_early(world, server):
    async with connected(server, world, scope=None) as client:
        await ask(client)
        world.clock.pass_by(seconds=569)
        await ask(client)
        assert server.issued == 1
        world.clock.pass_by(seconds=1)
        await asyncio.gather(ask(client), ask(client), ask(client))
    assert server.issued == 2
    assert server.scopes == [None, None]


async def test_a_withdrawn_token_is_replaced_once_for_all_who_meet_it(world, server):
    async with connected(server, world) as client:
        await ask(client)
        server.valid = set()
        assert await asyncio.gather(*(ask(client) for _ in range(4))) == [200] * 4
    assert server.issued == 2
    assert server.requests == 1 + 4 + 4, "each was refused once and sent again once"


async def test_headers_of_each_sending_are_made_anew(world, server):
    numbers = (str(number) for number in range(10))
    auth = SmartBackendAuth(assertion(world), None, world.clock, {"X-Request-ID": lambda: next(numbers)})
    seen: list[str] = []

    def noted(request: httpx.Request) -> httpx.Response:
        if "x-request-id" in request.headers:
            seen.append(request.headers["x-request-id"])
        answered: httpx.Response = server(request)
        return answered

    async with httpx.AsyncClient(transport=httpx.MockTransport(noted), auth=auth) as client:
        assert await ask(client) == 200
        server.valid = set()
        assert await ask(client) == 200
    assert seen == ["0", "1", "2"]


async def test_a_second_refusal_is_the_answer(world, server):
    server.takes_tokens = False
    async with connected(server, world) as client:
        assert await ask(client) == 401
    assert (server.issued, server.requests) == (2, 2)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(401, json={"error": "invalid_client"}), "invalid_client"),
        (httpx.Response(400, json={"error": "Dr Morwenna Example"}), "unintelligible"),
        (httpx.Response(400, json={"error": ["invalid_client"]}), "unintelligible"),
        (httpx.Response(503), "unintelligible"),
        (httpx.Response(302, headers={"Location": "https://evil.test"}), "unintelligible"),
        (httpx.Response(200, json=[]), "unintelligible"),
        (httpx.Response(200, json={"access_token": "x", "token_type": "mac"}), "unintelligible"),
        (httpx.Response(200, content=b"[" * 5000), "unintelligible"),
    ],
)
async def test_without_a_token_nothing_is_sent(world, server, answer, error):
    server.answer = answer
    async with connected(server, world) as client:
        with pytest.raises(TokenRefused) as caught:
            await ask(client)
    assert caught.value.error == error
    assert "Morwenna" not in str(caught.value)
    assert server.requests == 0


async def test_after_a_failed_sign_in_the_next_request_tries_again(world, server):
    server.answer = httpx.Response(503)
    async with connected(server, world) as client:
        with pytest.raises(TokenRefused):
            await ask(client)
        server.answer = None
        assert await ask(client) == 200


def test_a_synchronous_client_is_refused(world, server):
    auth = SmartBackendAuth(assertion(world), None, world.clock)
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    with httpx.Client(transport=transport, auth=auth) as client, pytest.raises(RuntimeError):
        client.get("https://fhir.test/metadata")
