"""A stand-in on a real socket, and a plain HTTP client that speaks to it as a well-behaved partner would."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from service.standins.config import Config, Sender
from service.standins.run import Addresses, standing_in

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ADA, BEN = "9990000018", "9990000026"
FHIR_JSON = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/fhir+json"}
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEY = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384", "kid": "sender-1"})
CLIENT = "epaccs"
Json = dict[str, Any]


def config(**more: Any) -> Config:
    """Return a practice's system that knows Ada and lets our key sign in."""
    told: Json = {
        "name": "gp",
        "title": "Example practice",
        "kind": "record",
        "organisation": "ZZGP01",
        "people": (patient(ADA),),
        "sender": Sender(CLIENT, {"keys": [KEY.as_dict(private=False)]}),
    }
    return Config(**{**told, **more})


def patient(number: str = BEN, family: str = "Testley") -> Json:
    """Return a Patient."""
    return {
        "resourceType": "Patient",
        "identifier": [{"system": NHS_NUMBER, "value": number}],
        "name": [{"family": family, "given": ["Ada"]}],
        "birthDate": "1931-05-19",
    }


def cpr(person: str, code: str = "450476008", **more: Any) -> Json:
    """Return a CPR decision."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "304251008"}]},
        "subject": {"reference": person},
        "effectiveDateTime": "2026-11-02T14:30:00Z",
        "performer": [{"display": "Dr Tamsin Invented"}],
        "valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": code}]},
        **more,
    }


def claims(token_url: str, **more: Any) -> Json:
    """Return the claims of a good assertion."""
    now = int(time.time())
    told = {"iss": CLIENT, "sub": CLIENT, "aud": token_url, "exp": now + 240, "iat": now, "jti": str(uuid.uuid4())}
    return {**told, **more}


def token_form(token_url: str, key: ECKey = KEY, algorithm: str = "ES384", **more: Any) -> dict[str, str]:
    """Return the form of a good token request."""
    header = {"alg": algorithm, "kid": key.kid, "typ": "JWT"}
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION,
        "client_assertion": jwt.encode(header, claims(token_url, **more), key, [algorithm]),
        "scope": "system/*.cruds",
    }


@dataclass(slots=True)
class FarEnd:
    """A running stand-in and a client of it. `headers` go with every FHIR request."""

    addresses: Addresses
    http: httpx.AsyncClient = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    async def sign_in(self) -> None:
        """Get a token."""
        address = f"{self.addresses.page}/token"
        answer = await self.http.post(address, data=token_form(address))
        assert answer.status_code == 200, answer.text
        self.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    async def send(
        self, method: str, path: str, body: Json | bytes | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send a FHIR request; a dict goes as FHIR JSON."""
        sent = {**FHIR_JSON, **self.headers, **(headers or {})}
        sent = {name: value for name, value in sent.items() if value}
        content = body if isinstance(body, bytes) else None
        json = body if isinstance(body, dict) else None
        return await self.http.request(method, f"{self.addresses.wire}{path}", content=content, json=json, headers=sent)

    async def create(self, resource: Json, headers: dict[str, str] | None = None) -> httpx.Response:
        """Create a resource."""
        return await self.send("POST", f"/{resource['resourceType']}", resource, headers)

    async def search(self, kind: str, body: str) -> httpx.Response:
        """Search by POST."""
        return await self.send("POST", f"/{kind}/_search", body.encode(), FORM)

    async def ada(self) -> str:
        """Return the reference of the person who is known from the start."""
        found = (await self.search("Patient", f"identifier={NHS_NUMBER}|{ADA}")).json()
        return f"Patient/{found['entry'][0]['resource']['id']}"

    async def say(self, word: str, **more: Any) -> httpx.Response:
        """Say a command at the control endpoint."""
        return await self.http.post(f"{self.addresses.control}/say", json={"word": word, **more})

    async def effects(self) -> Json:
        """Return what was counted, asked at the control endpoint."""
        found: Json = (await self.http.get(f"{self.addresses.control}/effects")).json()
        return found

    async def rules_broken(self) -> list[str]:
        """Return the rules of all violations."""
        found = (await self.http.get(f"{self.addresses.control}/violations")).json()["violations"]
        return [one["rule"] for one in found]


@asynccontextmanager
async def far_end(described: Config) -> AsyncIterator[FarEnd]:
    """Run a stand-in; sign in where that is needed."""
    async with standing_in(described) as addresses, httpx.AsyncClient(trust_env=False, timeout=20) as http:
        end = FarEnd(addresses, http)
        if described.sender is not None:
            await end.sign_in()
        yield end
