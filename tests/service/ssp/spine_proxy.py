"""A stand-in for the Spine Secure Proxy and the consumer behind it, from what NRL says of retrieval.

It knows nothing of ours. It refuses a pointer that the real one could not follow: one with the proxy's own host, with
escapes, or with what may be an NHS number in it.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

INTERACTION = "urn:nhs:names:services:nrl:DocumentReference.content.read"
OURS, AMBULANCE, STRANGER = "200000000001", "200000000002", "200000000009"
"""ASIDs: of the provider, of a consumer it agreed something with, of one it did not."""


class CannotFollow(Exception):
    """The pointer is none that the proxy follows."""


def spine_jwt(**changed: Any) -> str:
    """Return what a consumer says of itself: a JWT that nobody signed. A claim that is None is left out."""
    claims = {
        "iss": "https://consumer.example.nhs.uk",
        "sub": "https://fhir.nhs.uk/Id/sds-role-profile-id|555000000001",
        "aud": "https://provider.example.nhs.uk",
        "iat": 1_790_000_000,
        "exp": 1_790_000_300,
        "reason_for_request": "directcare",
        "scope": "patient/*.read",
        "requesting_system": f"https://fhir.nhs.uk/Id/accredited-system|{AMBULANCE}",
        "requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code|ZZAMB1",
        "requesting_user": "https://fhir.nhs.uk/Id/sds-role-profile-id|555000000001",
        **changed,
    }
    said = {name: value for name, value in claims.items() if value is not None}
    return f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(said)}."


def _encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class SpineProxy:
    """The proxy: whose certificates it takes, and its own (None: it shows none). `port`: where the provider listens."""

    ca: Path
    port: int
    certificate: Path | None = field(default=None)
    key: Path | None = field(default=None)

    async def get(
        self,
        pointer: str,
        changed: Mapping[str, str | None] | None = None,
        *,
        method: str = "GET",
        extra: tuple[tuple[str, str], ...] = (),
    ) -> httpx.Response:
        """Follow a pointer for the consumer; `changed` are headers that are not as they should be, None: left out."""
        found = re.fullmatch(r"ssp://([a-z0-9.-]+)(/.*)", pointer)
        if found is None or "%" in pointer or "proxy" in found[1] or re.search(r"(?<!\w)\d{10}(?!\w)", pointer):
            raise CannotFollow(pointer)
        headers = {
            "Authorization": f"Bearer {spine_jwt()}",
            "Ssp-TraceID": "09a01679-2564-0fb4-5129-aecc81ea2706",
            "Ssp-From": AMBULANCE,
            "Ssp-To": OURS,
            "Ssp-InteractionID": INTERACTION,
        }
        sent = [(name, value) for name, value in {**headers, **(changed or {})}.items() if value is not None]
        context = ssl.create_default_context(cafile=self.ca)
        context.check_hostname = False  # the test's provider listens on a loopback address
        if self.certificate is not None and self.key is not None:
            context.load_cert_chain(self.certificate, self.key)
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            return await client.request(method, f"https://127.0.0.1:{self.port}{found[2]}", headers=[*sent, *extra])
