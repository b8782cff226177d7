"""What a request must say: exactly what was agreed, or it is refused with a sentence that repeats nothing of it."""

from __future__ import annotations

import base64
import json

import pytest

from service.ssp.headers import INTERACTION, NotAsAgreed, read_headers
from service.ssp.spine_jwt import NotAJwt, read_spine_jwt
from tests.service.ssp.spine_proxy import AMBULANCE, OURS, STRANGER, spine_jwt

TRACE = "09a01679-2564-0fb4-5129-aecc81ea2706"
AS_AGREED = {
    "authorization": f"Bearer {spine_jwt()}",
    "ssp-traceid": TRACE,
    "ssp-from": AMBULANCE,
    "ssp-to": OURS,
    "ssp-interactionid": INTERACTION,
}


def bearer(claims: object) -> str:
    """Return a header with any claims."""
    return f"Bearer e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}."


def test_a_request_as_agreed_says_who_asks() -> None:
    asking = read_headers(AS_AGREED, OURS)
    assert (asking.consumer, asking.trace) == (AMBULANCE, TRACE)
    assert dict(asking.said)["jwt.requesting_user"].endswith("|555000000001")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ssp-from", ""),
        ("ssp-from", "ambulance"),
        ("ssp-from", "20000000000²"),
        ("ssp-from", f"{AMBULANCE}, {AMBULANCE}"),
        ("ssp-to", ""),
        ("ssp-to", STRANGER),
        ("ssp-traceid", ""),
        ("ssp-traceid", "a" * 65),
        ("ssp-traceid", "<script>"),
        ("ssp-interactionid", ""),
        ("ssp-interactionid", INTERACTION.lower()),
        ("ssp-interactionid", f" {INTERACTION}"),
        ("ssp-interactionid", "urn:nhs:names:services:gpconnect:documents:fhir:rest:read:binary-1"),
        ("authorization", ""),
        ("authorization", "Basic YTpi"),
        ("authorization", "Bearer secret.secret"),
        ("authorization", "Bearer a.secret!.c"),
        ("authorization", bearer("secret")),
        ("authorization", bearer({"reason_for_request": "secret"})),
        ("authorization", bearer({"reason_for_request": ["directcare"]})),
        ("authorization", bearer({})),
        ("authorization", "Bearer " + "a" * 9_000 + ".b.c"),
        ("authorization", "Bearer a." + base64.urlsafe_b64encode(b"[" * 6_000).decode() + ".c"),
        ("authorization", "Bearer a.\u00e9.c"),
    ],
)
def test_anything_else_is_refused_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(NotAsAgreed) as refused:
        read_headers({**AS_AGREED, name: value}, OURS)
    assert "secret" not in refused.value.sentence
    assert not value.strip() or value.strip() == INTERACTION or value not in refused.value.sentence


@pytest.mark.parametrize("name", sorted(AS_AGREED))
def test_every_header_is_needed(name: str) -> None:
    with pytest.raises(NotAsAgreed):
        read_headers({key: value for key, value in AS_AGREED.items() if key != name}, OURS)


def test_claims_are_recorded_in_measure_and_only_those_that_are_known() -> None:
    said = read_spine_jwt(
        bearer({"reason_for_request": "directcare", "sub": "a\n\u202eb" + "c" * 1_000, "scope": 7, "nhs": "999"})
    )
    assert dict(said) == {"jwt.sub": "ab" + "c" * 198, "jwt.reason_for_request": "directcare"}


def test_a_signature_changes_nothing() -> None:
    assert read_spine_jwt(f"Bearer {spine_jwt()}c2lnbmVk") == read_spine_jwt(f"bearer {spine_jwt()}")
    with pytest.raises(NotAJwt):
        read_spine_jwt(f"Bearer {spine_jwt()}.more")
