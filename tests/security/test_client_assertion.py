"""Signing in elsewhere: one token for many requests, refreshed early, once, and never in a loop."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs
from uuid import UUID

import httpx
import pytest
from joserfc import jwt

from security.assertions import Asserted, b2b_extensions
from security.client_assertion import ClientAssertion, SmartBackendAuth, UserRestrictedAuth
from security.errors import TokenRefused, TokenUnavailable
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
    assert UUID(token.claims["jti"]).version == 4


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


@pytest.mark.parametrize(
    ("answer", "retry_after"),
    [
        (httpx.Response(503), None),
        (httpx.Response(429, headers={"Retry-After": "7"}), 7.0),
        (httpx.Response(502, headers={"Retry-After": "soon"}), None),
    ],
)
async def test_an_endpoint_that_is_down_is_told_from_one_that_refuses(world, server, answer, retry_after):
    server.answer = answer
    async with connected(server, world) as client:
        with pytest.raises(TokenUnavailable) as caught:
            await ask(client)
    assert caught.value.retry_after == retry_after
    assert server.requests == 0


@pytest.mark.parametrize(
    ("said", "refreshed_after"), [("599", 569), (599, 569), (None, 30), ("soon", 30), (True, 30), (-5, 0)]
)
async def test_the_lifetime_that_a_server_says_is_used(world, server, said, refreshed_after):
    body = {"access_token": "token-1", "token_type": "Bearer", "expires_in": said}
    server.answer, server.valid = httpx.Response(200, json=body), {"token-1"}
    async with connected(server, world, scope=None) as client:
        await ask(client)
        if refreshed_after:
            world.clock.pass_by(seconds=refreshed_after - 1)
            await ask(client)
            assert len(server.scopes) == 1
            world.clock.pass_by(seconds=1)
        await ask(client)
    assert len(server.scopes) == 2, "the second token was asked for now and not before"


class Exchange(Server):
    """The token endpoint of the NHS platform for a clinician who is present: strict about every form member."""

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if str(request.url) != TOKEN_URL:
            self.roles = [*getattr(self, "roles", []), request.headers.get("NHSD-Session-URID")]
            return await super().__call__(request)
        sent = {name: value for name, [value] in parse_qs((await request.aread()).decode()).items()}
        expected = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
            "subject_token": f"id-token-{self.issued + 1}",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        }
        assertion = jwt.decode(sent.pop("client_assertion"), CLIENT_KEY, ["ES384"])
        if sent != expected or assertion.claims["aud"] != TOKEN_URL:
            return httpx.Response(400, json={"error": "invalid_request"})
        self.issued += 1
        self.valid = {f"token-{self.issued}"}
        return httpx.Response(200, json={"access_token": f"token-{self.issued}", "token_type": "Bearer"})


async def test_a_clinicians_sign_in_is_exchanged_and_their_role_goes_along(world):
    server = Exchange()
    sessions = iter(("id-token-1", "id-token-2"))
    auth = UserRestrictedAuth(assertion(world), lambda: next(sessions), world.clock, role_profile="555254240100")
    async with httpx.AsyncClient(transport=httpx.MockTransport(server), auth=auth) as client:
        assert await ask(client) == 200
        assert await ask(client) == 200
        server.valid = set()
        assert await ask(client) == 200
    assert server.issued == 2, "once for the session, and once when the token was withdrawn"
    assert set(server.roles) == {"555254240100"}


async def test_a_sign_in_that_has_ended_asks_nothing(world):
    server = Exchange()
    auth = UserRestrictedAuth(assertion(world), lambda: "an old one", world.clock)
    async with httpx.AsyncClient(transport=httpx.MockTransport(server), auth=auth) as client:
        with pytest.raises(TokenRefused):
            await ask(client)
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
