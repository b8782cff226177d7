"""The token matrix: what is believed, what is not, and what a remembered token still has to prove each time."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwk
from joserfc.jwk import ECKey, OKPKey, RSAKey

from security.errors import CallerRefused, InvalidConfiguration, InvalidToken, IssuerUnavailable
from security.issuers import Fetch, FetchedKeys, TrustedIssuer, load_outside_issuers
from security.principal import Purpose, Role
from security.registry import registration
from security.tokens import TokenVerifier
from tests.security.identity import (
    ENDPOINTS,
    ISSUER_KEY,
    STRANGER_KEY,
    World,
    client,
    client_document,
    raw,
    segment,
    signed,
)

OUTSIDE_KEY = RSAKey.generate_key(2048, {"kid": "out-1"})
NEXT_KEY = RSAKey.generate_key(2048, {"kid": "out-2"})


@pytest.fixture
def world() -> World:
    return World()


async def reason(world: World, token: str) -> str:
    with pytest.raises(InvalidToken) as caught:
        await world.verifier.verify(token)
    return caught.value.reason


async def test_a_good_token_names_the_caller(world):
    who = await world.verifier.verify(world.access_token())
    assert (who.client_id, who.role, who.purpose, who.token_id) == ("gp-system", Role.GP, Purpose.TREAT, "token-1")
    assert (who.issuer, who.scopes) == (ENDPOINTS.issuer, {"system/*.rs"})


HEADERS = {
    "no typ": ({"typ": None}, "not an access token"),
    "an id token": ({"typ": "JWT"}, "not an access token"),
    "unknown kid": ({"kid": "other"}, "key not known"),
    "no kid": ({"kid": None}, "header without alg or kid"),
    "jku": ({"jku": "https://evil.test/keys"}, "header brings its own key or critical extensions"),
    "jwk": ({"jwk": {"kty": "oct", "k": "AA"}}, "header brings its own key or critical extensions"),
    "x5u": ({"x5u": "https://evil.test/keys"}, "header brings its own key or critical extensions"),
    "x5c": ({"x5c": ["AA"]}, "header brings its own key or critical extensions"),
    "crit": ({"crit": ["exp"]}, "header brings its own key or critical extensions"),
    "huge header": ({"pad": "x" * 1024}, "header too large"),
}


@pytest.mark.parametrize(("header", "why"), HEADERS.values(), ids=HEADERS)
async def test_a_header_that_is_wrong_is_refused(world, header, why):
    kid = world.issuer.jwks()["keys"][0]["kid"]
    full = {"alg": "ES256", "kid": kid, "typ": "at+jwt"} | header
    token = raw({name: value for name, value in full.items() if value is not None}, world.access_claims(), b"x" * 64)
    assert await reason(world, token) == why


async def test_the_long_form_of_the_type_is_accepted(world):
    assert await world.verifier.verify(world.access_token(header={"typ": "application/at+JWT"}))


CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": "https://evil.test"}, "wrong issuer"),
    "issuer with a slash": ({"iss": f"{ENDPOINTS.issuer}/"}, "wrong issuer"),
    "no issuer": ({"iss": None}, "wrong issuer"),
    "issuers in a list": ({"iss": [ENDPOINTS.issuer]}, "wrong issuer"),
    "another audience": ({"aud": "https://other.test/fhir/R4"}, "wrong audience"),
    "no audience": ({"aud": None}, "wrong audience"),
    "no expiry": ({"exp": None}, "exp is not a time"),
    "expiry in words": ({"exp": "tomorrow"}, "exp is not a time"),
    "no issue time": ({"iat": None}, "a claim is missing or wrong"),
    "no id": ({"jti": None}, "jti is not a string"),
    "a long id": ({"jti": "x" * 129}, "jti too long"),
    "bound to a certificate": ({"cnf": {"x5t#S256": "AA"}}, "bound to a key that was not proved"),
    "bound to a key": ({"cnf": {"jkt": "AA"}}, "bound to a key that was not proved"),
    "bound to nothing": ({"cnf": {}}, "bound to a key that was not proved"),
    "no client": ({"client_id": None}, "no client named"),
    "an unregistered client": ({"client_id": "nobody"}, "client not registered"),
    "a demo door": ({"client_id": "demo-door:ZZGP01:gp"}, "client not registered"),
    "another organisation": ({"organisation": "ZZHOS1"}, "the client is not registered for this organisation"),
    "no organisation": ({"organisation": None}, "the organisation is missing"),
    "a role beyond the registration": ({"role": "hospital"}, "the client is not registered for this role"),
    "a role without a person": (
        {"user_id": None, "user_name": None},
        "a named person has an id, a name and a role",
    ),
    "a person without a role": ({"role": None}, "the role of the named person is missing, or that of nobody"),
}


@pytest.mark.parametrize(("changes", "why"), CLAIMS.values(), ids=CLAIMS)
async def test_claims_that_are_wrong_are_refused(world, changes, why):
    said = await reason(world, world.access_token(**changes))
    assert said == why or (None in changes.values() and said == "a claim is missing or wrong")


TIMES = {
    "expired": (-600, -30, 0, "expired"),
    "issued in the future": (31, 600, 0, "issued in the future"),
    "not yet valid": (0, 600, 31, "not yet valid"),
    "ten years": (0, 10 * 365 * 86400, 0, "exp too far ahead"),
    "over an hour": (0, 3631, 0, "exp too far ahead"),
    "older than an hour": (-3000, 700, 0, "lifetime too long"),
}


@pytest.mark.parametrize(("issued", "expires", "not_before", "why"), TIMES.values(), ids=TIMES)
async def test_a_token_outside_its_time_is_refused(world, issued, expires, not_before, why):
    now = world.seconds
    token = world.access_token(iat=now + issued, exp=now + expires, nbf=now + not_before)
    assert await reason(world, token) == why


@pytest.mark.parametrize(
    "changes", [{"role": "surgeon"}, {"purpose": "HRESCH"}, {"purpose": None}, {"purpose": ["TREAT"]}]
)
async def test_a_genuine_token_with_an_unknown_word_is_refused_as_such(world, changes):
    with pytest.raises(CallerRefused) as caught:
        await world.verifier.verify(world.access_token(**changes))
    assert "surgeon" not in str(caught.value)
    assert "HRESCH" not in str(caught.value)


def by_hand(world: World, algorithm: str, secret: bytes) -> str:
    kid = world.issuer.jwks()["keys"][0]["kid"]
    head = segment(json.dumps({"alg": algorithm, "kid": kid, "typ": "at+jwt"}).encode())
    body = segment(json.dumps(world.access_claims()).encode())
    return f"{head}.{body}.{segment(hmac.new(secret, f'{head}.{body}'.encode(), hashlib.sha256).digest())}"


@pytest.mark.parametrize("algorithm", ["HS256", "none", "NONE", "ES384", "RS256", "EdDSA", "dir"])
async def test_an_algorithm_that_is_not_the_issuers_is_refused(world, algorithm):
    assert await reason(world, by_hand(world, algorithm, ISSUER_KEY.as_pem(private=False))) == "algorithm not accepted"


async def test_a_signature_by_another_key_is_refused(world):
    kid = world.issuer.jwks()["keys"][0]["kid"]
    token = signed(world.access_claims(), STRANGER_KEY, alg="ES256", kid=kid, typ="at+jwt")
    assert await reason(world, token) == "signature does not hold"


async def test_a_client_assertion_is_no_access_token(world):
    assert await reason(world, world.form()["client_assertion"]) == "wrong issuer"


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "a.b", "é.é.é", "x" * 9000, f"{segment(b'[' * 2000)}.AA.AA", "bnVsbA.bnVsbA.AA"]
)
async def test_what_is_no_token_is_refused(world, token):
    await reason(world, token)


@settings(max_examples=40, deadline=None)
@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_no_changed_byte_is_believed(position, change):
    world = World()
    token = bytearray(world.access_token().encode())
    position %= len(token)
    token[position] ^= change
    # the last character of a segment may carry unused bits; what decodes to the same bytes is the same token
    try:
        asyncio.run(world.verifier.verify(token.decode("latin-1")))
    except (InvalidToken, CallerRefused):
        return
    assert position == len(token) - 1


async def test_a_remembered_token_expires(world):
    token = world.access_token()
    await world.verifier.verify(token)
    world.clock.pass_by(seconds=629)
    await world.verifier.verify(token)
    world.clock.pass_by(seconds=1)
    assert await reason(world, token) == "expired"


async def test_a_remembered_token_is_not_valid_before_its_time(world):
    token = world.access_token()
    await world.verifier.verify(token)
    world.clock.pass_by(seconds=-31)
    assert await reason(world, token) == "issued in the future"


async def test_a_remembered_token_dies_with_its_registration(world):
    token = world.access_token()
    await world.verifier.verify(token)
    world.registry.remove("gp-system")
    assert await reason(world, token) == "client not registered"


async def test_a_remembered_token_follows_a_changed_registration(world):
    token = world.access_token(assurance=2)
    assert (await world.verifier.verify(token)).assurance == 2
    world.registry.remove("gp-system")
    world.registry.add(client(max_assurance=1))
    assert (await world.verifier.verify(token)).assurance == 1
    world.registry.remove("gp-system")
    world.registry.add(client(roles=["admin", "system"]))
    assert await reason(world, token) == "the client is not registered for this role"


async def test_no_token_has_a_scope_beyond_the_registration(world, outside):
    asked = {"scope": "system/*.rs system/*.cruds epaccs/incident.write openid"}
    assert (await world.verifier.verify(world.access_token(**asked))).scopes == {"system/*.rs"}
    assert (await outside.verifier.verify(outside.token(**asked))).scopes == {"system/*.rs"}
    assert (await world.verifier.verify(world.access_token(scope=None))).scopes == frozenset()


async def test_the_memory_for_tokens_is_bounded(world):
    verifier = TokenVerifier([world.issuer.trusted()], world.registry, ENDPOINTS.fhir_base, world.clock, cache_size=2)
    for number in range(5):
        await verifier.verify(world.access_token(jti=f"token-{number}"))
    assert len(verifier._cache) == 2


async def test_a_verified_token_is_remembered_and_a_refused_one_is_not(world):
    good = world.access_token()
    assert await world.verifier.verify(good) is await world.verifier.verify(good)
    await reason(world, world.access_token(jti=None))
    assert len(world.verifier._cache) == 1


class Outside:
    """An outside issuer whose key set is served from memory, and who can be down."""

    def __init__(self, world: World, *keys: Any) -> None:
        self.keys: list[jwk.Key] = list(keys)
        self.down = False
        self.fetches = 0
        document = client_document(client_id="visitor", issuer="cis2")
        del document["jwks"]
        world.registry.add(registration(document))
        self.trusted = TrustedIssuer(
            url="https://cis2.test",
            algorithms=("RS512", "PS256"),
            keys=FetchedKeys("https://cis2.test/jwks", self.fetch, world.clock),
            name="cis2",
            claims={"role": "nhs_role", "organisation": "org_code"},
            roles={"R8000": Role.GP},
        )
        self.world = world
        self.verifier = world.verifier_with(self.trusted)

    async def fetch(self, url: str) -> bytes:
        assert url == "https://cis2.test/jwks"
        self.fetches += 1
        await asyncio.sleep(0)
        if self.down:
            raise ConnectionError("down")
        document = {"keys": [key.as_dict(private=False) for key in self.keys]}
        return json.dumps(document).encode()

    def token(self, key: Any = OUTSIDE_KEY, algorithm: str = "RS512", **changes: Any) -> str:
        claims = self.world.access_claims(
            **{"iss": "https://cis2.test", "client_id": "visitor", "role": None, "organisation": None}
            | {"nhs_role": "R8000", "org_code": "ZZGP01"}
            | changes
        )
        return signed(claims, key, alg=algorithm, kid=key.kid, typ="at+jwt")


@pytest.fixture
def outside(world) -> Outside:
    return Outside(world, OUTSIDE_KEY)


async def test_an_outside_token_is_read_with_its_issuers_words(outside):
    who = await outside.verifier.verify(outside.token())
    assert (who.client_id, who.role, who.organisation, who.issuer) == (
        "visitor",
        Role.GP,
        "ZZGP01",
        "https://cis2.test",
    )


async def test_an_outside_issuer_speaks_for_its_own_clients_alone(outside, world):
    with pytest.raises(InvalidToken, match="client not registered"):
        await outside.verifier.verify(outside.token(client_id="gp-system"))
    with pytest.raises(InvalidToken, match="client not registered"):
        await outside.verifier.verify(world.access_token(client_id="visitor"))
    with pytest.raises(InvalidToken, match="client not registered"):
        await outside.verifier.verify(outside.token(client_id="demo-door:ZZGP01:gp"))


async def test_an_issuers_algorithms_are_its_own(outside):
    with pytest.raises(InvalidToken, match="algorithm not accepted"):
        await outside.verifier.verify(outside.token(algorithm="RS384"))


async def test_a_key_set_is_fetched_once_for_many(outside):
    tokens = [outside.token(jti=f"token-{number}") for number in range(6)]
    await asyncio.gather(*map(outside.verifier.verify, tokens))
    assert outside.fetches == 1


async def test_an_unknown_key_causes_one_fetch_a_minute(outside, world):
    await outside.verifier.verify(outside.token())
    forged = [outside.token(NEXT_KEY, jti=f"token-{number}") for number in range(6)]
    results = await asyncio.gather(*map(outside.verifier.verify, forged), return_exceptions=True)
    assert all(isinstance(result, InvalidToken) for result in results)
    assert outside.fetches == 1
    world.clock.pass_by(seconds=60)
    outside.keys.append(NEXT_KEY)
    await outside.verifier.verify(outside.token(NEXT_KEY))
    assert outside.fetches == 2


async def test_a_withdrawn_key_ends_remembered_tokens(outside, world):
    token = outside.token()
    await outside.verifier.verify(token)
    outside.keys = [NEXT_KEY]
    world.clock.pass_by(seconds=61)
    await outside.verifier.verify(outside.token(NEXT_KEY))
    with pytest.raises(InvalidToken, match="key not known"):
        await outside.verifier.verify(token)


async def test_a_withdrawn_key_is_noticed_within_the_hour(outside, world):
    await outside.verifier.verify(outside.token())
    outside.keys = [NEXT_KEY]
    world.clock.pass_by(hours=1)
    with pytest.raises(InvalidToken, match="key not known"):
        await outside.verifier.verify(outside.token())


async def test_the_last_good_set_serves_a_day_and_no_longer(outside, world):
    await outside.verifier.verify(outside.token())
    outside.down = True
    world.clock.pass_by(hours=23, minutes=59)
    remembered = outside.token()
    await outside.verifier.verify(remembered)
    world.clock.pass_by(minutes=1)
    for token in (remembered, outside.token()):
        with pytest.raises(IssuerUnavailable):
            await outside.verifier.verify(token)
    outside.down = False
    world.clock.pass_by(minutes=1)
    await outside.verifier.verify(outside.token())


async def test_an_issuer_that_was_never_reached_makes_no_verdict(outside):
    outside.down = True
    with pytest.raises(IssuerUnavailable):
        await outside.verifier.verify(outside.token())


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"keys": []}', b"[" * 5000, b'{"keys": [{"kty": "oct"}]}'])
async def test_a_key_set_that_makes_no_sense_is_no_key_set(world, answer: bytes):
    async def fetch(_: str) -> bytes:
        return answer

    with pytest.raises(IssuerUnavailable):
        await FetchedKeys("https://cis2.test/jwks", fetch, world.clock).find("out-1", "RS512")


async def test_edwards_curves_are_verified_for_an_issuer_that_lists_them(world):
    key = OKPKey.generate_key("Ed25519", {"kid": "ed"})
    outside = Outside(world, key)
    for algorithm in ("EdDSA", "Ed25519"):
        verifier = world.verifier_with(
            TrustedIssuer(
                "https://cis2.test",
                (algorithm,),
                outside.trusted.keys,
                "cis2",
                outside.trusted.claims,
                outside.trusted.roles,
            )
        )
        kid = {"kid": "ed", "typ": "at+jwt"}
        head = segment(json.dumps({"alg": algorithm, **kid}).encode())
        body = outside.token().split(".")[1]
        private = key.private_key
        assert isinstance(private, Ed25519PrivateKey)
        signature = private.sign(f"{head}.{body}".encode())
        assert await verifier.verify(f"{head}.{body}.{segment(signature)}")


ISSUER_DOCUMENT = {
    "name": "cis2",
    "issuer": "https://cis2.test",
    "jwks_url": "https://cis2.test/jwks",
    "algorithms": ["RS512"],
    "claims": {"role": "nhs_role"},
    "roles": {"R8000": "gp"},
}


def no_fetch(hosts: frozenset[str]) -> Fetch:
    async def fetch(_: str) -> bytes:
        raise ConnectionError

    return fetch


def test_outside_issuers_are_read_from_their_file(tmp_path, world):
    path = tmp_path / "issuers.json"
    path.write_text(json.dumps({"hosts": ["cis2.test"], "issuers": [ISSUER_DOCUMENT]}))
    [issuer] = load_outside_issuers(path, no_fetch, world.clock)
    assert (issuer.name, issuer.url, issuer.algorithms) == ("cis2", "https://cis2.test", ("RS512",))
    assert issuer.role("R8000") == Role.GP


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"issuer": "http://cis2.test"}, "issuer"),
        ({"jwks_url": "http://cis2.test/jwks"}, "jwks_url"),
        ({"jwks_url": "https://evil.test/jwks"}, "jwks_url"),
        ({"jwks_url": "https://user@cis2.test/jwks"}, "jwks_url"),
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"algorithms": []}, "algorithms"),
        ({"claims": {"admin": "x"}}, "claims"),
        ({"roles": {"R1": "surgeon"}}, "roles"),
        ({"name": ""}, "name"),
        ({"secret": "x"}, "secret"),
    ],
)
def test_an_issuer_that_cannot_be_trusted_as_written_is_refused(tmp_path, world, changes, word):
    path = tmp_path / "issuers.json"
    path.write_text(json.dumps({"hosts": ["cis2.test"], "issuers": [ISSUER_DOCUMENT | changes]}))
    with pytest.raises(InvalidConfiguration) as caught:
        load_outside_issuers(path, no_fetch, world.clock)
    assert any(f"`{word}`" in problem for problem in caught.value.problems)


def test_two_issuers_do_not_share_a_name(tmp_path, world):
    path = tmp_path / "issuers.json"
    path.write_text(json.dumps({"hosts": ["cis2.test"], "issuers": [ISSUER_DOCUMENT, ISSUER_DOCUMENT]}))
    with pytest.raises(InvalidConfiguration):
        load_outside_issuers(path, no_fetch, world.clock)


def test_the_issuers_keys_are_on_the_right_curve(world):
    with pytest.raises(ValueError, match="curve"):
        type(world.issuer)(
            ENDPOINTS,
            [ECKey.generate_key("P-384").as_pem(private=True).decode()],
            world.registry,
            world.clock,
            world.spent,
        )
