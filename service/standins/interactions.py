"""The interactions of a FHIR stand-in: https://hl7.org/fhir/R4/http.html, one handler each.

Between the last look at what is held and the change there is no `await`, so no two requests mix.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fhir_profiles.issues import Issue
from service.standins import headers
from service.standins.capability import capability
from service.standins.config import Config
from service.standins.contents import Contents
from service.standins.decisions import name_of, words_of
from service.standins.ledger import Ledger
from service.standins.moments import Moments, instant
from service.standins.outcomes import Handler, Refusal, fhir, guarded, outcome
from service.standins.searching import Searching, no_number_in_address
from service.standins.shelf import Shelf, Version
from service.standins.tokens import Tokens

_DONE = Issue("information", "informational", "", "Done.")
FORM = "application/x-www-form-urlencoded"


class Interactions:
    """A FHIR server over a shelf, at `base`."""

    def __init__(
        self, config: Config, base: str, shelf: Shelf, ledger: Ledger, moments: Moments, tokens: Tokens | None
    ) -> None:
        self._config = config
        self._base = base
        self._shelf = shelf
        self._ledger = ledger
        self._moments = moments
        self._tokens = tokens
        self._contents = Contents(shelf, base, config.types)
        self._searching = Searching(shelf, base)
        self._keys: dict[str, tuple[bytes, Version]] = {}

    def routes(self) -> list[Route]:
        """Return the routes below the base; everything but `metadata` needs a token, where tokens are given."""
        rows: list[tuple[str, str, Handler]] = [
            ("GET", "/{kind}", self.search_by_get),
            ("POST", "/{kind}", self.create),
            ("POST", "/{kind}/_search", self.search),
            ("GET", "/_history", self.history),
            ("GET", "/{kind}/_history", self.history),
            ("GET", "/{kind}/{name}", self.read),
            ("PUT", "/{kind}/{name}", self.update),
            ("DELETE", "/{kind}/{name}", self.delete),
            ("GET", "/{kind}/{name}/_history", self.history),
            ("GET", "/{kind}/{name}/_history/{version}", self.read),
        ]
        rows.sort(key=lambda row: row[1].count("{"))  # what is said exactly comes before what stands for many
        metadata = Route("/metadata", guarded(self.metadata, self._ledger, _where), methods=["GET"])
        rest = [Route("/{rest:path}", self._at(self.nothing), methods=["GET", "POST", "PUT", "DELETE", "PATCH"])]
        return [metadata, *(Route(path, self._at(handler), methods=[way]) for way, path, handler in rows), *rest]

    def _at(self, handler: Handler) -> Handler:
        async def judged(request: Request) -> Response:
            headers.accept(request)
            if self._tokens is not None:
                self._tokens.needed(request)
            return await handler(request)

        return guarded(judged, self._ledger, _where)

    async def metadata(self, request: Request) -> Response:
        """capabilities: https://hl7.org/fhir/R4/http.html#capabilities."""
        headers.accept(request)
        token_url = None if self._tokens is None else self._base.removesuffix("/fhir") + "/token"
        date = instant(self._moments.now())
        return fhir(capability(self._base, self._config.title, self._config.types, date, token_url))

    async def nothing(self, request: Request) -> Response:
        """Answer what is no interaction of this server."""
        raise Refusal(405, "not-supported", "This server has no such interaction.", "interaction")

    async def create(self, request: Request) -> Response:
        """create, plain, conditional or under an Idempotency-Key: https://hl7.org/fhir/R4/http.html#create."""
        kind = self._kind(request)
        headers.content_type(request)
        wanted = headers.prefer(request)
        key, condition = headers.idempotency_key(request), headers.if_none_exist(request)
        body = await request.body()
        digest = hashlib.sha256(kind.encode() + b"\0" + body).digest()
        if key is not None and (before := self._keys.get(key)):
            if before[0] != digest:
                raise Refusal(422, "business-rule", "The Idempotency-Key came with another body.", "idempotency-key")
            self._ledger.repeated()
            return self._told(before[1], 201, wanted)
        if condition is not None and (there := self._there(kind, condition)) is not None:
            self._ledger.repeated()
            return self._told(there, 200, wanted)
        version = self._shelf.create(self._contents.judged(body, kind))
        if key is not None:
            self._keys[key] = (digest, version)
        self._happened("create", version)
        return self._told(version, 201, wanted)

    async def update(self, request: Request) -> Response:
        """update, with If-Match: https://hl7.org/fhir/R4/http.html#update. It never creates."""
        kind, name = self._kind(request), request.path_params["name"]
        headers.content_type(request)
        wanted, expected = headers.prefer(request), headers.if_match(request, needed=True)
        body = await request.body()
        self._current(kind, name, expected)
        version = self._shelf.update(kind, name, self._contents.judged(body, kind, name))
        self._happened("update", version)
        return self._told(version, 200, wanted)

    async def delete(self, request: Request) -> Response:
        """delete: https://hl7.org/fhir/R4/http.html#delete. What others point at stays (409)."""
        kind, name = self._kind(request), request.path_params["name"]
        expected = headers.if_match(request, needed=False)
        held = self._shelf.current(kind, name)
        if held is None or held.resource is None:
            self._ledger.repeated()
            return fhir(None, 204)
        self._current(kind, name, expected)
        if self._shelf.pointing_at(held.reference) - {held.reference}:
            raise Refusal(409, "conflict", "Other resources point at this one.")
        version = self._shelf.delete(kind, name)
        self._happened("delete", version)
        return fhir(None, 204, {"ETag": f'W/"{version.number}"'})

    async def read(self, request: Request) -> Response:
        """read and vread: https://hl7.org/fhir/R4/http.html#read."""
        kind, name = self._kind(request), request.path_params["name"]
        versions, number = self._shelf.versions(kind, name), request.path_params.get("version")
        if number is not None:
            versions = [one for one in versions if str(one.number) == number]
        if not versions:
            raise Refusal(404, "not-found", "It is not here.")
        return self._told(_present(versions[-1]), 200, "representation")

    async def search(self, request: Request) -> Response:
        """search by POST: https://hl7.org/fhir/R4/http.html#search."""
        kind = self._kind(request)
        headers.content_type(request, FORM)
        try:
            pairs = parse_qsl((await request.body()).decode(), strict_parsing=True, max_num_fields=50)
        except ValueError:
            raise Refusal(400, "structure", "The form cannot be read.", "search") from None
        return fhir(self._searching.answer(kind, pairs))

    async def search_by_get(self, request: Request) -> Response:
        """search by GET, and the further pages of any search."""
        kind, pairs = self._kind(request), request.query_params.multi_items()
        if len(pairs) == 1 and pairs[0][0] == "_page":
            return fhir(self._searching.next_page(kind, pairs[0][1]))
        no_number_in_address(pairs)
        return fhir(self._searching.answer(kind, pairs))

    async def history(self, request: Request) -> Response:
        """history of a resource, a type or all: https://hl7.org/fhir/R4/http.html#history. Newest first."""
        kind, name = request.path_params.get("kind"), request.path_params.get("name")
        if kind is not None:
            self._contents.known_type(kind)
        found = [one for one in self._shelf.history(kind) if name is None or one.id == name]
        if name is not None and not found:
            raise Refusal(404, "not-found", "It was never here.")
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "history", "total": len(found)}
        if found:
            bundle["entry"] = [self._entry(one) for one in found]
        return fhir(bundle)

    def _kind(self, request: Request) -> str:
        kind: str = request.path_params["kind"]
        self._contents.known_type(kind)
        return kind

    def _there(self, kind: str, condition: list[tuple[str, str]]) -> Version | None:
        found = self._searching.found(kind, condition)
        if len(found) > 1:
            raise Refusal(412, "multiple-matches", "More than one resource fits If-None-Exist.")
        return found[0] if found else None

    def _current(self, kind: str, name: str, expected: str | None) -> Version:
        """Return what is held; refuse what is not (404, 410), or not in the version expected (412)."""
        held = self._shelf.current(kind, name)
        if held is None:
            raise Refusal(404, "not-found", "It is not here, and an update creates nothing.", "update-of-nothing")
        _present(held)
        if expected is not None and str(held.number) != expected:
            raise Refusal(412, "conflict", "It has changed: If-Match names another version than the current one.")
        return held

    def _happened(self, what: str, version: Version) -> None:
        told = version.resource or self._shelf.versions(version.kind, version.id)[-2].resource or {}
        person = self._shelf.resource(self._contents.person_of(told) or "") if version.kind != "Patient" else None
        about = name_of(person) if person else ""
        self._ledger.effect(what, version.reference, version.number, words_of(told), about)

    def _told(self, version: Version, status: int, wanted: str) -> Response:
        assert version.resource is not None
        given: Mapping[str, str] = {
            "ETag": f'W/"{version.number}"',
            "Location": f"{self._base}/{version.reference}/_history/{version.number}",
        }
        bodies: dict[str, Callable[[], dict[str, Any] | None]] = {
            "minimal": lambda: None,
            "OperationOutcome": lambda: outcome([_DONE]),
        }
        return fhir(bodies.get(wanted, lambda: version.resource)(), status, given)

    def _entry(self, version: Version) -> dict[str, Any]:
        status = {"POST": "201", "PUT": "200", "DELETE": "204"}[version.method]
        address = version.kind if version.method == "POST" else version.reference
        entry: dict[str, Any] = {
            "fullUrl": f"{self._base}/{version.reference}",
            "request": {"method": version.method, "url": address},
            "response": {"status": status, "etag": f'W/"{version.number}"', "lastModified": version.at},
        }
        return entry if version.resource is None else {**entry, "resource": version.resource}


def _present(version: Version) -> Version:
    if version.resource is None:
        raise Refusal(410, "deleted", "It was deleted.", headers={"ETag": f'W/"{version.number}"'})
    return version


def _where(request: Request) -> str:
    """Return method and resource type of a request: no id and nothing that was sent."""
    kind = request.path_params.get("kind", "")
    return f"{request.method} {kind if kind.isalpha() and len(kind) <= 40 else '-'}"
