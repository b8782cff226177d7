"""Interactions on types that the shared directory holds. An id of a person's record goes the ordinary way."""

from __future__ import annotations

from dataclasses import dataclass

from security.scopes import DIRECTORY_WRITE
from service.api import answers, negotiation
from service.api.answers import Answer
from service.api.interactions import Interactions
from service.api.routing import Call
from service.record.changes import Change, Method
from service.record.directory import Directory
from service.record.errors import PreconditionMissing


@dataclass(frozen=True, slots=True)
class DirectoryInteractions:
    """Create and update; what is not here is handled by `Interactions`."""

    directory: Directory
    interactions: Interactions

    async def create(self, resource_type: str, call: Call) -> Answer:
        """POST [base]/[type]: into the directory, by a client with its scope; conditional by identifier."""
        if DIRECTORY_WRITE not in call.caller.principal.scopes:
            return await self.interactions.create(resource_type, call)
        _, resource = await self.interactions.resource(call, resource_type)
        change = Change(Method.CREATE, resource_type, resource_type, resource)
        released, status = await self.directory.create(call.caller, change)
        (item,) = released.items
        location = f"{self.interactions.base}/{item.type}/{item.id}/_history/{item.version}"
        return answers.resource(released, status=status, location=location)

    async def update(self, resource_type: str, call: Call) -> Answer:
        """PUT [base]/[type]/[id] with If-Match."""
        if DIRECTORY_WRITE not in call.caller.principal.scopes:
            return await self.interactions.update(resource_type, call)
        version = negotiation.if_match(call.request)
        if version is None:
            raise PreconditionMissing
        _, resource = await self.interactions.resource(call, resource_type)
        change = Change(Method.UPDATE, resource_type, resource_type, resource, id=call.path("id"), if_match=version)
        released = await self.directory.update(call.caller, change)
        return answers.resource(released)
