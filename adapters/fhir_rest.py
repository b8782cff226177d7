"""A client of a FHIR R4 REST server: the interactions of https://hl7.org/fhir/R4/http.html that this product uses.

Resources travel as the JSON they are (decimals keep their digits). A search goes by POST, so that no identifier is ever
in a URL. Failures become the facts of `adapters.errors` (`adapters.answers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from adapters.answers import refuse
from adapters.errors import Unintelligible
from adapters.http import Answer, HttpClient
from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode, encode

FHIR_JSON = "application/fhir+json"
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FhirAnswer:
    """A success. `resource` is None when nothing was sent back; `version` is the one of the ETag."""

    status: int
    resource: Resource | None = field(repr=False)
    version: str | None
    location: str | None


class FhirClient:
    """One FHIR server, spoken to by one client. Every method raises `adapters.errors`."""

    def __init__(
        self, http: HttpClient, base: str, headers: Mapping[str, str] | None = None, *, within: float = 60.0
    ) -> None:
        """`base` has no slash at the end; `headers` go with every request; `within`: seconds that each may take."""
        self._http = http
        self._base = base
        self._within = within
        self._headers = {"Accept": FHIR_JSON, **(headers or {})}

    async def create(
        self, resource: Resource, *, if_none_exist: str | None = None, idempotency_key: str | None = None
    ) -> FhirAnswer:
        """Create a resource; `if_none_exist` is the search of a conditional create."""
        extra = {"If-None-Exist": if_none_exist, "Idempotency-Key": idempotency_key}
        return await self._send("POST", _kind(resource), resource, extra)

    async def read(self, kind: str, resource_id: str, version: str | None = None) -> FhirAnswer:
        """Read the current version, or the one named (vread)."""
        path = f"{kind}/{_id(resource_id)}"
        return await self._send("GET", path if version is None else f"{path}/_history/{_id(version)}")

    async def update(self, resource: Resource, *, if_match: str | None) -> FhirAnswer:
        """Replace version `if_match` of the resource that bears this id; None for a server that has no versions."""
        path = f"{_kind(resource)}/{_id(resource.get('id'))}"
        return await self._send("PUT", path, resource, {"If-Match": _etag(if_match)})

    async def delete(
        self, kind: str, resource_id: str, *, if_match: str | None = None, provenance: Resource | None = None
    ) -> FhirAnswer:
        """Delete a resource; `provenance`, without a target, says why (https://hl7.org/fhir/R4/provenance.html#header)."""
        extra = {
            "If-Match": _etag(if_match),
            "X-Provenance": encode(provenance).decode() if provenance is not None else None,
        }
        return await self._send("DELETE", f"{kind}/{_id(resource_id)}", None, extra)

    async def capabilities(self) -> FhirAnswer:
        """Read the CapabilityStatement."""
        return await self._send("GET", "metadata")

    async def search(self, kind: str, parameters: Mapping[str, str]) -> FhirAnswer:
        """Search by POST; the answer's resource is a searchset Bundle."""
        extra = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self._send("POST", f"{kind}/_search", urlencode(parameters).encode(), extra)

    async def search_page(self, kind: str, parameters: Mapping[str, str]) -> bytes:
        """Search by POST and return the first page as it came, so that one bad resource spoils no other."""
        extra = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._exchange("POST", f"{kind}/_search", urlencode(parameters).encode(), extra)
        return answer.body

    async def next_page(self, url: str) -> bytes:
        """Return the page that a `next` link names; raise Unintelligible when the link leads away from this server."""
        away = not url.startswith((f"{self._base}/", f"{self._base}?"))
        if away or ".." in unquote(urlsplit(url).path).split("/"):
            raise Unintelligible("a link to the next page leads to another server")
        return (await self._exchange("GET", url.removeprefix(self._base).removeprefix("/"))).body

    async def read_as_it_is(self, kind: str, resource_id: str) -> bytes:
        """Read the current version and return it as it came."""
        return (await self._exchange("GET", f"{kind}/{_id(resource_id)}")).body

    async def transaction(self, bundle: Resource, *, idempotency_key: str | None = None) -> FhirAnswer:
        """Send a transaction or batch Bundle."""
        return await self._send("POST", "", bundle, {"Idempotency-Key": idempotency_key})

    async def operation(self, path: str, parameters: Resource) -> FhirAnswer:
        """Call an operation by POST; `path` is relative to the base, e.g. `Patient/$emergency-summary`."""
        return await self._send("POST", path, parameters)

    async def _send(
        self,
        method: str,
        path: str,
        content: Resource | bytes | None = None,
        extra: Mapping[str, str | None] | None = None,
    ) -> FhirAnswer:
        answer = await self._exchange(method, path, content, extra)
        return FhirAnswer(
            status=answer.status,
            resource=_resource(answer.body) if answer.body else None,
            version=_version(answer.headers.get("etag")),
            location=answer.headers.get("location"),
        )

    async def _exchange(
        self,
        method: str,
        path: str,
        content: Resource | bytes | None = None,
        extra: Mapping[str, str | None] | None = None,
    ) -> Answer:
        headers = dict(self._headers)
        if content is not None:
            headers["Content-Type"] = FHIR_JSON
        headers |= {name: value for name, value in (extra or {}).items() if value is not None}
        body = encode(content) if isinstance(content, dict) else content
        url = f"{self._base}{path}" if path.startswith("?") else f"{self._base}/{path}" if path else self._base
        answer = await self._http.send(method, url, headers=headers, content=body, within=self._within)
        if not 200 <= answer.status < 300:
            refuse(answer)
        return answer


def _resource(body: bytes) -> Resource:
    try:
        resource = decode(body)
    except InvalidJson:
        raise Unintelligible("the answer is not JSON") from None
    if not isinstance(resource.get("resourceType"), str):
        raise Unintelligible("the answer is not a FHIR resource")
    return resource


def _kind(resource: Resource) -> str:
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or not kind.isalpha():
        raise ValueError("a resource names its type")
    return kind


def _id(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a resource is named by its id")
    return quote(value, safe="")


def _version(etag: str | None) -> str | None:
    return etag.removeprefix("W/").strip('"') if etag else None


def _etag(version: str | None) -> str | None:
    return f'W/"{version}"' if version is not None else None
