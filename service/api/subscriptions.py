"""Subscription over HTTP (https://hl7.org/fhir/R4/subscription.html, with the R5 topic backport for R4).

Create, read, update (If-Match), delete and search of the caller's own, and the operation $status of one or all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from service.api import answers, negotiation
from service.api.answers import Answer
from service.api.errors import BadParameter
from service.api.interactions import Interactions
from service.api.parameters import read_parameters
from service.api.routing import Call
from service.record.errors import PreconditionMissing
from service.sync.subscribed import Kept
from service.sync.subscriptions import Subscriptions

TYPE = "Subscription"
PARAMETERS = ("_id", "status", "url")
_REQUEST_ID = {"$ref": "#/components/parameters/RequestId"}
_ONE: dict[str, Any] = {"parameters": [{"$ref": "#/components/parameters/Id"}, _REQUEST_ID]}
_AMONG = [
    {"name": name, "in": "query", "description": f"{words} May come several times.", "schema": {"type": "string"}}
    for name, words in (("id", "The id of one of them."), ("status", "requested, active, error or off."))
]
ASKED: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", "statuses"): {"parameters": [*_AMONG, _REQUEST_ID]},
    ("POST", "statuses"): {
        "requestBody": {
            "required": True,
            "content": {negotiation.FHIR_JSON: {"schema": {"$ref": "#/components/schemas/Parameters"}}},
        }
    },
    ("GET", "status"): _ONE,
    ("POST", "status"): _ONE,
}
"""What OpenAPI says of the operation $status, by method and handler: it is asked of one or of all."""
_IGNORED = frozenset({"_format", "_pretty"})


@dataclass(frozen=True, slots=True)
class SubscriptionInteractions:
    """The handlers."""

    subscriptions: Subscriptions
    interactions: Interactions

    @property
    def base(self) -> str:
        """Our FHIR base."""
        return self.interactions.base

    async def create(self, call: Call) -> Answer:
        """POST [base]/Subscription."""
        _, resource = await self.interactions.resource(call, TYPE)
        return self._written(call, await self.subscriptions.create(call.caller, resource), 201)

    async def read(self, call: Call) -> Answer:
        """GET [base]/Subscription/[id]."""
        return answers.own((await self.subscriptions.read(call.caller, call.path("id"))).document())

    async def update(self, call: Call) -> Answer:
        """PUT [base]/Subscription/[id] with If-Match: what it asks for, `requested` again, or `off`."""
        version = negotiation.if_match(call.request)
        if version is None:
            raise PreconditionMissing
        _, resource = await self.interactions.resource(call, TYPE)
        kept = await self.subscriptions.update(call.caller, call.path("id"), version, resource)
        return self._written(call, kept, 200)

    async def delete(self, call: Call) -> Answer:
        """DELETE [base]/Subscription/[id]."""
        await self.subscriptions.delete(call.caller, call.path("id"))
        return answers.headers_only(status=204)

    async def search(self, call: Call) -> Answer:
        """GET [base]/Subscription?..."""
        return await self._search(call, list(call.request.query_params.multi_items()))

    async def search_by_post(self, call: Call) -> Answer:
        """POST [base]/Subscription/_search."""
        negotiation.check_content_type(call.request, form=True)
        body = await negotiation.read_body(call.request, 16 * 1024)
        return await self._search(call, negotiation.form(body) + list(call.request.query_params.multi_items()))

    async def status(self, call: Call) -> Answer:
        """GET or POST [base]/Subscription/[id]/$status: a Bundle with one status, if it is the caller's own."""
        found = await self.subscriptions.status(call.caller, call.path("id"))
        return answers.own_searchset([found], f"{self.base}/{TYPE}/$status")

    async def statuses(self, call: Call) -> Answer:
        """GET or POST [base]/Subscription/$status, of all or of those that `id` or `status` name."""
        if call.request.method == "POST":
            given = await read_parameters(call, repeating="id")
            ids = [_value(one) for one in given.get("id", {}).get("part", ())]
            statuses = [_value(given["status"])] if "status" in given else []
        else:
            query = call.request.query_params
            ids, statuses = query.getlist("id"), query.getlist("status")
        found = await self.subscriptions.statuses(call.caller, ids, statuses)
        return answers.own_searchset(found, f"{self.base}/{TYPE}/$status")

    async def _search(self, call: Call, given: list[tuple[str, str]]) -> Answer:
        wanted = [(name, set(value.split(","))) for name, value in given if name not in _IGNORED]
        if any(name not in PARAMETERS for name, _ in wanted):
            raise BadParameter(f"Subscription can be searched by {', '.join(PARAMETERS)}.")
        found = [
            kept
            for kept in await self.subscriptions.search(call.caller)
            if all(_searched(kept, name) in values for name, values in wanted)
        ]
        return answers.own_searchset([kept.document() for kept in found], f"{self.base}/{TYPE}", base=self.base)

    def _written(self, call: Call, kept: Kept, status: int) -> Answer:
        location = f"{self.base}/{kept.reference}"
        if negotiation.prefer(call.request) is not negotiation.Prefer.REPRESENTATION:
            return answers.headers_only(status=status, etag=kept.version, location=location)
        return answers.own(kept.document(), status=status, location=location)


def _searched(kept: Kept, name: str) -> str:
    return {"_id": kept.id, "status": kept.status, "url": kept.wish.endpoint}[name]


def _value(parameter: dict[str, Any]) -> str:
    return str(next((value for name, value in parameter.items() if name.startswith("value")), ""))
