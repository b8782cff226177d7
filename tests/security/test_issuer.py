"""The token endpoint: who gets a token, for whom, and what each refusal says."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.routing import Route

from security.assertions import b2b_extensions
from security.client_assertion import ClientAssertion
from security.demo_clients import DEMO_CLIENTS, make_demo_clients, private_key
from security.errors import AssertionRefused, DemoDoorClosed, InvalidToken
from security.principal import NamedPerson, Purpose, Role
from security.registry import ClientRegistry, registration
from service.api.oauth import OAuthEndpoints
from tests.security.identity import (
    B2B,
    CLIENT_KEY,
    ENDPOINTS,
    RSA_KEY,
    STRANGER_KEY,
    World,
    client,
    client_document,
    form,
    raw,
    segment,
    signed,
)


@pytest.fixture
def world() -> World:
    return World()


async def refused_form(world: World, given: dict[str, str]) -> tuple[str, str]:
    answer = await world.issuer.answer(given)
    assert answer.error is not None
    assert answer.status == (401 if answer.error == "invalid_client" else 400)
    assert "access_token" not in answer.body
    return answer.error, answer.body["error_description"]


async def refusal(world: World, claims: dict[str, Any]) -> tuple[str, str]:
    return await refused_form(world, world.form(claims))


async def principal(world: World, **claims):
    answer = await world.issuer.answer(world.form(world.claims(**claims)))
    assert answer.status == 200, answer.body
    return await world.verifier.verify(answer.body["access_token"])


async def test_a_named_person_gets_a_token_in_their_own_role(world):
    answer = await world.issuer.answer(world.form())
    assert (answer.status, answer.body["token_type"], answer.body["expires_in"]) == (200, "Bearer", 600)
    assert answer.body["scope"] == "system/*.rs system/Patient.cruds"
    who = await world.verifier.verify(answer.body["access_token"])
    assert (who.client_id, who.organisation, who.role, who.purpose) == ("gp-system", "ZZGP01", Role.GP, Purpose.TREAT)
    assert who.user == NamedPerson("clinician-1", "Dr Morwenna Example")
    assert who.assurance == 1
    assert who.registered_roles == {Role.GP, Role.ADMIN, Role.SYSTEM}


async def test_without_a_named_person_the_role_is_system(world):
    who = await principal(world, extensions=None)
    assert (who.role, who.user, who.organisation, who.assurance) == (Role.SYSTEM, None, "ZZGP01", 1)


async def test_a_client_not_registered_for_system_must_name_a_person():
    world = World(client(roles=["gp"]))
    assert (await refusal(world, world.claims(extensions=None)))[0] == "invalid_grant"


@pytest.mark.parametrize(("claimed", "counted"), [(None, 1), (1, 1), (2, 2), (3, 2)])
async def test_assurance_counts_as_far_as_claim_and_registration_reach(world, claimed, counted):
    ours = {} if claimed is None else {"assurance": claimed}
    who = await principal(world, extensions={"hl7-b2b": B2B, "epaccs": ours})
    assert who.assurance == counted


async def test_circumstances_reach_the_principal(world):
    ours = {"incident": "CAD-2026/17", "self_claim_reason": "Called to the home address"}
    plain = {**B2B, "organization_id": "ZZGP02", "purpose_of_use": "ETREAT"}
    who = await principal(world, extensions={"hl7-b2b": plain, "epaccs": ours})
    assert (who.incident, who.self_claim_reason) == ("CAD-2026/17", "Called to the home address")
    assert (who.organisation, who.purpose) == ("ZZGP02", Purpose.ETREAT)


@pytest.mark.parametrize(
    "b2b",
    [
        {**B2B, "subject_role": "hospital"},
        {**B2B, "subject_role": "surgeon"},
        {**B2B, "subject_role": "system"},
        {**B2B, "subject_role": None},
        {**B2B, "subject_name": None},
        {**B2B, "subject_id": ""},
        {**B2B, "subject_id": ["clinician-1"]},
        {**B2B, "subject_name": "Dr\nMorwenna"},
        {**B2B, "organization_id": "ZZHOS1"},
        {**B2B, "organization_id": None},
        {**B2B, "purpose_of_use": "HRESCH"},
        {**B2B, "purpose_of_use": []},
        {**B2B, "purpose_of_use": ["TREAT", "ETREAT"]},
        {**B2B, "purpose_of_use": "treat"},
        {**B2B, "version": "2"},
        "hl7-b2b",
    ],
)
async def test_an_assertion_beyond_the_registration_is_refused(world, b2b):
    error, description = await refusal(world, world.claims(extensions={"hl7-b2b": b2b}))
    assert error == "invalid_grant"
    assert not any(word in description for word in ("surgeon", "ZZHOS1", "HRESCH", "Morwenna", "clinician-1"))


@pytest.mark.parametrize(
    "ours",
    [
        {"assurance": 0},
        {"assurance": 4},
        {"assurance": "2"},
        {"assurance": True},
        {"incident": "17 <script>"},
        {"incident": "1" * 65},
        {"self_claim_reason": ""},
        {"assurence": 2},
        [],
    ],
)
async def test_circumstances_that_make_no_sense_are_refused(world, ours):
    assert (await refusal(world, world.claims(extensions={"hl7-b2b": B2B, "epaccs": ours})))[0] == "invalid_grant"


async def test_a_reason_for_self_claim_needs_a_person(world):
    claims = world.claims(extensions={"epaccs": {"self_claim_reason": "Called to the home address"}})
    assert (await refusal(world, claims))[0] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"aud": "https://epaccs.test/oauth2/token/"}, "wrong audience"),
        ({"aud": None}, "wrong audience"),
        ({"exp": None}, "exp is not a time"),
        ({"jti": None}, "jti is not a string"),
        ({"jti": 7}, "jti is not a string"),
        ({"jti": "x" * 129}, "jti too long"),
        ({"iss": "other"}, "iss and sub"),
    ],
)
async def test_claims_that_are_wrong_are_named(world, changes, said):
    error, description = await refusal(world, world.claims(**changes))
    assert error == "invalid_client"
    assert said in description or "missing" in description


@pytest.mark.parametrize(
    ("issued", "expires", "said"),
    [
        (-400, -31, "expired"),
        (0, 331, "exp too far ahead"),
        (0, 10 * 365 * 86400, "exp too far ahead"),
        (31, 200, "issued in the future"),
        (-360, 60, "lifetime too long"),
    ],
)
async def test_an_assertion_lives_five_minutes(world, issued, expires, said):
    claims = world.claims(iat=world.seconds + issued, exp=world.seconds + expires)
    error, description = await refusal(world, claims)
    assert (error, said in description) == ("invalid_client", True)


@pytest.mark.parametrize(("issued", "expires"), [(-300, -29), (30, 320), (None, 300)])
async def test_clocks_may_disagree_by_thirty_seconds(world, issued, expires):
    iat = None if issued is None else world.seconds + issued
    answer = await world.issuer.answer(world.form(world.claims(iat=iat, exp=world.seconds + expires)))
    assert answer.status == 200


async def test_an_assertion_is_used_once(world):
    given = world.form()
    assert (await world.issuer.answer(given)).status == 200
    assert await refused_form(world, given) == ("invalid_client", "The assertion was used before.")
    [(_, kept_until)] = world.spent.tokens.items()
    assert kept_until.timestamp() == world.seconds + 240 + 30


async def test_of_two_at_once_exactly_one_wins(world):
    given = world.form()
    answers = await asyncio.gather(*(world.issuer.answer(given) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [401] * 7


async def test_a_used_id_of_one_client_is_free_for_another():
    world = World(client(), client(client_id="other"))
    assert (await world.issuer.answer(world.form())).status == 200
    assert (await world.issuer.answer(world.form(world.claims(iss="other", sub="other")))).status == 200


async def test_no_token_without_the_register_of_spent_assertions(world):
    class Down(Exception):
        pass

    async def down(token, expires):
        raise Down

    world.issuer._spend_once = down
    with pytest.raises(Down):
        await world.issuer.answer(world.form())


@pytest.mark.parametrize(("key", "algorithm", "kid"), [(RSA_KEY, alg, "gp-rsa") for alg in ("RS384", "RS512", "PS256")])
async def test_algorithms_of_the_list_are_accepted(world, key, algorithm, kid):
    assert (await world.issuer.answer(form(signed(world.claims(), key, alg=algorithm, kid=kid)))).status == 200


def confused(world: World) -> str:
    """A token that uses the public key as an HMAC secret."""
    head, body = segment(b'{"alg":"HS256","kid":"gp-rsa","typ":"JWT"}'), segment(json.dumps(world.claims()).encode())
    secret = RSA_KEY.as_pem(private=False)
    return f"{head}.{body}.{segment(hmac.new(secret, f'{head}.{body}'.encode(), hashlib.sha256).digest())}"


STRANGER_TO_THE_CLIENT = ECKey.generate_key("P-384")
FORGED: dict[str, Callable[[World], str]] = {
    "unsigned": lambda world: raw({"alg": "none", "kid": "gp-1", "typ": "JWT"}, world.claims()),
    "unsigned, said with a signature": lambda world: raw(
        {"alg": "none", "kid": "gp-1", "typ": "JWT"}, world.claims(), b"x"
    ),
    "public key as secret": confused,
    "algorithm not on the list": lambda world: signed(world.claims(), RSA_KEY, alg="RS256", kid="gp-rsa"),
    "unknown key": lambda world: signed(world.claims(), STRANGER_KEY, alg="ES256", kid="stranger"),
    "another's key under a known id": lambda world: signed(
        world.claims(), STRANGER_TO_THE_CLIENT, alg="ES384", kid="gp-1"
    ),
    "key of another algorithm": lambda world: signed(world.claims(), RSA_KEY, alg="RS384", kid="gp-1"),
    "brings its own key": lambda world: signed(
        world.claims(), STRANGER_KEY, alg="ES256", kid="stranger", jwk=STRANGER_KEY.as_dict(private=False)
    ),
    "no kid": lambda world: signed(world.claims(), CLIENT_KEY, alg="ES384"),
    "unknown client": lambda world: signed(
        world.claims(iss="nobody", sub="nobody"), CLIENT_KEY, alg="ES384", kid="gp-1"
    ),
    "no client": lambda world: signed(world.claims(iss=None, sub=None), CLIENT_KEY, alg="ES384", kid="gp-1"),
    "client is a number": lambda world: raw({"alg": "ES384", "kid": "gp-1"}, world.claims(sub=1), b"x"),
    "not a JWT": lambda _: "a.b",
    "nested": lambda _: f"{segment(b'[' * 3000)}.{segment(b'[' * 3000)}.AA",
    "huge": lambda world: signed(world.claims(pad="x" * 9000), CLIENT_KEY, alg="ES384", kid="gp-1"),
    "not ASCII": lambda _: "é.é.é",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
async def test_what_is_not_proved_is_refused_in_one_sentence(world, forge):
    assert await refused_form(world, form(forge(world))) == ("invalid_client", "Client authentication failed.")
    assert world.spent.tokens == {}


async def test_an_access_token_is_no_client_assertion(world):
    given = form(signed(world.claims(), CLIENT_KEY, alg="ES384", kid="gp-1", typ="at+jwt"))
    assert await refused_form(world, given) == ("invalid_client", "The assertion has the wrong typ.")


async def test_a_client_of_an_outside_issuer_gets_no_token_here(world):
    document = client_document(client_id="visitor", issuer="cis2")
    del document["jwks"]
    world.registry.add(registration(document))
    claims = world.claims(iss="visitor", sub="visitor")
    assert await refusal(world, claims) == ("invalid_client", "Client authentication failed.")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": None}, "invalid_request"),
        ({"client_assertion": None}, "invalid_client"),
        ({"client_assertion_type": "jwt"}, "invalid_client"),
        ({"client_id": "other"}, "invalid_client"),
        ({"scope": "system/*.cruds"}, "invalid_scope"),
        ({"scope": "epaccs/incident.write"}, "invalid_scope"),
        ({"scope": "system/Patient.cruds nonsense"}, "invalid_scope"),
    ],
)
async def test_requests_that_are_refused(world, changes, error):
    code, description = await refused_form(world, world.form(**changes))
    assert code == error
    assert "password" not in description
    assert "nonsense" not in description


async def test_fewer_scopes_than_registered_may_be_asked(world):
    answer = await world.issuer.answer(world.form(scope="system/Observation.r system/Patient.cu"))
    assert answer.body["scope"] == "system/Observation.r system/Patient.cu"
    assert (await world.verifier.verify(answer.body["access_token"])).scopes == {
        "system/Observation.r",
        "system/Patient.cu",
    }


async def test_a_removed_client_gets_no_token(world):
    world.registry.remove("gp-system")
    assert await refusal(world, world.form()) == ("invalid_client", "Client authentication failed.")


async def test_tokens_and_assertions_are_in_no_log(world, caplog):
    caplog.set_level(logging.DEBUG)
    given = world.form()
    answer = await world.issuer.answer(given)
    await world.issuer.answer(given)
    for secret in (answer.body["access_token"], given["client_assertion"], "Morwenna"):
        assert secret not in caplog.text


async def test_the_demo_door_mints_for_anyone():
    world = World(demo_doors=True)
    verifier = world.verifier_with(demo_doors=True)
    for role in Role:
        who = await verifier.verify(world.issuer.mint(role, "ZZNEW9"))
        assert (who.role, who.organisation, who.assurance) == (role, "ZZNEW9", 1)
        assert (who.user is None) == (role is Role.SYSTEM)
        assert who.registered_roles == {role, Role.SYSTEM}
    token = world.issuer.mint(
        Role.AMBULANCE, "ZZAMB1", user_id="crew-7", assurance=3, purpose="ETREAT", incident="CAD-1"
    )
    who = await verifier.verify(token)
    assert (who.user and who.user.id, who.assurance, who.purpose, who.incident) == ("crew-7", 3, "ETREAT", "CAD-1")


async def test_a_minted_system_token_has_the_registrations_of_its_organisation():
    world = World(client(scopes=["system/*.rs", "epaccs/incident.write"]), demo_doors=True)
    who = await world.verifier_with(demo_doors=True).verify(world.issuer.mint(Role.SYSTEM, "ZZGP01"))
    assert who.registered_roles == {Role.GP, Role.ADMIN, Role.SYSTEM}
    assert who.scopes == {"system/*.cruds", "epaccs/incident.write"}


async def test_without_demo_doors_nothing_is_minted_and_nothing_minted_is_believed():
    world = World(demo_doors=True)
    with pytest.raises(InvalidToken):
        await world.verifier.verify(world.issuer.mint(Role.GP, "ZZGP01"))
    with pytest.raises(DemoDoorClosed):
        World().issuer.mint(Role.GP, "ZZGP01")


@pytest.mark.parametrize(
    "changes", [{"organisation": "zz gp"}, {"incident": "17 <b>"}, {"assurance": 9}, {"user_id": ""}]
)
def test_the_demo_door_mints_nothing_that_makes_no_sense(changes):
    with pytest.raises(AssertionRefused):
        World(demo_doors=True).issuer.mint(Role.GP, **{"organisation": "ZZGP01"} | changes)


@pytest.mark.parametrize("name", DEMO_CLIENTS)
async def test_every_demo_client_signs_in_with_its_own_key(demo, name):
    home, registry = demo
    world = World(*registry)
    key = private_key(home, name)
    extensions = b2b_extensions(DEMO_CLIENTS[name].asserted())
    algorithm = str(key.get("alg"))
    made = ClientAssertion(name, ENDPOINTS.token_url, key, f"{name}-1", algorithm, world.clock, extensions).sign()
    answer = await world.issuer.answer(form(made))
    assert answer.status == 200
    who = await world.verifier.verify(answer.body["access_token"])
    assert (who.client_id, who.role) == (name, DEMO_CLIENTS[name].asserted().role)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Path, ClientRegistry]:
    home = tmp_path_factory.mktemp("home")
    return home, make_demo_clients(home)


def served(world: World) -> tuple[httpx.AsyncClient, list[str]]:
    failures: list[str] = []
    endpoints = OAuthEndpoints(world.issuer, lambda _, error: failures.append(error))
    app = Starlette(
        routes=[
            Route("/oauth2/token", endpoints.token, methods=["POST"]),
            Route("/.well-known/smart-configuration", endpoints.smart_configuration),
            Route("/.well-known/jwks.json", endpoints.jwks),
        ]
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://epaccs.test"), failures


async def test_the_endpoint_answers_a_form_and_is_never_cached(world):
    http, failures = served(world)
    async with http:
        answer = await http.post("/oauth2/token", data=world.form())
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    assert (await world.verifier.verify(answer.json()["access_token"])).client_id == "gp-system"
    assert failures == []


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"{}", "application/json"),
        (b"", "application/x-www-form-urlencoded"),
        (b"grant_type", "application/x-www-form-urlencoded"),
        (b"grant_type=client_credentials&grant_type=client_credentials", "application/x-www-form-urlencoded"),
        (b"grant_type=%ff", "application/x-www-form-urlencoded"),
        (b"grant_type=\xc3\xa9", "application/x-www-form-urlencoded"),
        (b"grant_type=" + b"x" * 17000, "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % number for number in range(20)), "application/x-www-form-urlencoded"),
    ],
    ids=["json", "empty", "no value", "twice", "bad utf-8", "raw utf-8", "large", "many"],
)
async def test_a_form_is_read_strictly(world, content, media_type):
    http, failures = served(world)
    async with http:
        answer = await http.post("/oauth2/token", content=content, headers={"Content-Type": media_type})
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert failures == ["invalid_request"]


async def test_a_failed_sign_in_is_counted_and_challenged(world):
    http, failures = served(world)
    async with http:
        answer = await http.post("/oauth2/token", data=form("a.b.c"))
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert failures == ["invalid_client"]


async def test_discovery_leads_to_keys_that_verify_our_tokens(world):
    http, _ = served(world)
    async with http:
        configuration = (await http.get("/.well-known/smart-configuration")).json()
        keys = (await http.get(configuration["jwks_uri"])).json()
    assert configuration["token_endpoint"] == ENDPOINTS.token_url
    assert configuration["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert {"RS384", "ES384"} <= set(configuration["token_endpoint_auth_signing_alg_values_supported"])
    assert "client-confidential-asymmetric" in configuration["capabilities"]
    [key] = keys["keys"]
    assert "d" not in key
    token = (await world.issuer.answer(world.form())).body["access_token"]
    assert jwt.decode(token, ECKey.import_key(key), ["ES256"]).header["typ"] == "at+jwt"


@pytest.mark.parametrize(
    ("made", "expires", "good"),
    [
        (-1, 240, False),
        (30, 240, False),
        (31, 240, True),
        (None, 330, False),
        (None, 331, True),
    ],
)
async def test_after_a_restore_an_assertion_that_may_have_been_used_before_it_is_refused(made, expires, good):
    restored = World().clock()
    world = World(restored=restored)
    begun = world.seconds
    world.clock.now += timedelta(seconds=60)
    iat = None if made is None else begun + made
    answer = await world.issuer.answer(world.form(world.claims(iat=iat, exp=begun + expires)))
    if good:
        assert answer.status == 200, answer.body
    else:
        assert (answer.status, answer.error) == (401, "invalid_client")
        assert "make a new one" in answer.body["error_description"]
