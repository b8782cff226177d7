"""Signatures of events, judged by libraries that nobody here wrote (npm jose, joserfc), by the guide's own samples."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from adapters.plan_event import event_of
from security.errors import InvalidToken
from security.event_signature import EventSigner
from tests.adapters.guides import guide_blocks, guide_sample
from tests.adapters.parcels import parcel
from tests.running import REPOSITORY
from tests.security.identity import ISSUER_PEM, World

ADDRESS = "https://hub.test/events"
JOSE = REPOSITORY / "node_modules/jose/dist/webapi/index.js"
WORLD = World()
"""Its issuer publishes the key that events are signed with."""


@dataclass(frozen=True)
class Sending:
    """What a receiver has in hand."""

    body: bytes
    signature: str
    keys: dict[str, Any]
    address: str
    now: float


def sending(body: bytes | None = None, now: datetime | None = None) -> Sending:
    body = event_of(parcel(), "https://record.test/fhir/R4", full=False) if body is None else body
    moment = now or WORLD.clock()
    signature = EventSigner(ISSUER_PEM.encode(), lambda: moment).sign(body, ADDRESS)
    return Sending(body, signature, WORLD.issuer.jwks(), ADDRESS, moment.timestamp())


def altered(**parts: Any) -> Sending:
    return replace(sending(), **parts)


def with_header(**changes: Any) -> Sending:
    """Return a sending whose protected header was changed after it was signed."""
    one = sending()
    header, _, value = one.signature.split(".")
    read = json.loads(_decoded(header)) | changes
    return replace(one, signature=f"{_encoded(json.dumps(read).encode())}..{value}")


def signed_as(**changes: Any) -> Sending:
    """Return a sending that our key signed with another header."""
    one = sending()
    header = json.loads(_decoded(one.signature.split(".")[0])) | changes
    registry = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    whole = jws.serialize_compact(header, one.body, ECKey.import_key(ISSUER_PEM), registry=registry)
    return replace(one, signature=jws.detach_content(whole))


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


GOOD = {
    "an event": sending(),
    "a large body": sending(b'{"x":"' + b"y" * 300_000 + b'"}'),
    "a body of every kind of letter": sending('{"x": "Zoë – \\u0000 𝄞"}'.encode()),
    "a clock two minutes apart": altered(now=sending().now + 120),
}
BAD = {
    "another body": altered(body=sending().body + b" "),
    "an empty body": altered(body=b""),
    "another address": altered(address="https://other.test/events"),
    "six minutes old": altered(now=sending().now + 360),
    "from the future": altered(now=sending().now - 360),
    "somebody else's keys": altered(keys={"keys": [ECKey.generate_key("P-256", {"kid": "x"}).as_dict(private=False)]}),
    "a header changed to a later time": with_header(iat=int(sending().now) + 60),
    "no algorithm": with_header(alg="none"),
    "another algorithm": with_header(alg="HS256"),
    "a token's type": signed_as(typ="at+jwt"),
    "sent for another": signed_as(url="https://other.test/events"),
    "no signature": altered(signature=sending().signature.rpartition(".")[0] + "."),
}


@pytest.fixture(scope="module")
def in_python() -> Callable[[Sending], Any]:
    verified = guide_sample("webhooks")["verified"]

    def verify(one: Sending) -> Any:
        return verified(one.body, one.signature, KeySet.import_key_set(one.keys), one.address, one.now)  # type: ignore[arg-type]

    return verify


@pytest.mark.parametrize("one", GOOD.values(), ids=GOOD)
def test_joserfc_takes_what_we_signed(in_python, one):
    assert in_python(one) == json.loads(one.body)


@pytest.mark.parametrize("one", BAD.values(), ids=BAD)
def test_joserfc_refuses_everything_else(in_python, one):
    with pytest.raises((JoseError, ValueError)):
        in_python(one)


@pytest.mark.skipif(shutil.which("node") is None, reason="runs in Node.js, which is not here")
def test_jose_takes_what_we_signed_and_refuses_everything_else(tmp_path: Path):
    assert JOSE.is_file(), "jose comes with set-up"
    script = tmp_path / "sample.mjs"
    script.write_text(guide_blocks("webhooks", "js")[0].replace("'jose'", repr(JOSE.as_uri())))
    cases = tmp_path / "cases.json"
    every = [*GOOD.values(), *BAD.values()]
    cases.write_text(json.dumps([vars(one) | {"body": b64encode(one.body).decode()} for one in every]))
    ran = subprocess.run(
        ["node", REPOSITORY / "tests/adapters/verify.mjs", script, JOSE, cases],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    results = json.loads(ran.stdout)
    assert [one.get("event") for one in results[: len(GOOD)]] == [json.loads(one.body) for one in GOOD.values()]
    refused = dict(zip(BAD, results[len(GOOD) :], strict=True))
    assert {name: sorted(one) for name, one in refused.items()} == {name: ["refused"] for name in BAD}


@given(st.binary(max_size=200))
def test_a_signature_never_holds_what_it_signs(body):
    signature = sending(body).signature
    protected, content, value = signature.split(".")
    assert content == ""
    assert json.loads(_decoded(protected)).keys() == {"alg", "kid", "typ", "iat", "url"}
    assert value


async def test_a_signature_is_no_access_token_even_over_what_would_be_one():
    claims = json.dumps(WORLD.access_claims()).encode()
    protected, _, value = sending(claims).signature.split(".")
    with pytest.raises(InvalidToken) as caught:
        await WORLD.verifier.verify(f"{protected}.{_encoded(claims)}.{value}")
    assert caught.value.reason == "not an access token"


def test_the_key_is_one_that_the_service_publishes():
    header = json.loads(_decoded(sending().signature.split(".")[0]))
    assert header["kid"] in [key["kid"] for key in WORLD.issuer.jwks()["keys"]]
    assert header["typ"] == "cloudevent+jws"


def test_a_key_on_another_curve_signs_nothing():
    with pytest.raises(ValueError, match="wrong curve"):
        EventSigner(ECKey.generate_key("P-384").as_pem(private=True), WORLD.clock)
