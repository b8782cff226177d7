"""GET /plan/{address}: the plan behind a pointer, as PDF, for a consumer of the Spine Secure Proxy.

Authorised by the peer of the TLS connection, whose name is on our list (`peer`), and by the consumer's ASID, which is
one of those we agreed something with; the JWT opens nothing. What is read is what that consumer's registered client may
read of the person now, by the same decision and with the same audit entry as through the API. Whoever is absent and
whoever is refused get the same answer (rule I3); no answer, log line or address names anybody.

NRL, "Retrieval: Spine Secure Proxy".
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from fhir_profiles import json
from fhir_profiles.issues import error
from security.clock import Clock
from security.principal import Principal, Purpose, Role
from security.registry import ClientRegistry
from security.scopes import require
from service import logs
from service.api import answers, outcomes
from service.api.limits import RateLimit
from service.api.operations import Operations
from service.document.paper import Paper
from service.record.access import Refused
from service.record.caller import Caller
from service.ssp.description import Consumer, Described
from service.ssp.headers import Asking, NotAsAgreed, NotListed, read_headers
from service.ssp.peer import PEER
from service.ssp.question import BehindPointer
from service.sync.due import Dues
from service.web.answering import answering_for
from service.web.reading import read_document

ISSUER = "spine secure proxy"
"""The issuer that audit entries name: the proxy's connection is what was proved."""
NOT_AGREED = "This system is not one that may ask here."


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Answers. `dues` tell whose an address is, `limit` counts by consumer."""

    described: Described
    registry: ClientRegistry
    operations: Operations
    dues: Dues
    paper: Paper
    limit: RateLimit
    clock: Clock

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        now, request_id = self.clock(), secrets.token_hex(16)
        try:
            answer = await self._answer(request, request_id, now)
        except NotAsAgreed as refused:
            answer = answers.outcome(400, [error("invalid", "", refused.sentence)])
        except NotListed:
            answer = answers.outcome(403, [error("forbidden", "", NOT_AGREED)])
        except Refused as refused:
            # Also where a partner may be told that something is withheld: a pointer is read by whoever it is given to.
            answer = outcomes.answer(refused) if refused.decision.status == 403 else outcomes.not_here()
        except Exception as problem:  # the one table of failures knows all others
            answer = outcomes.answer(problem)
        answer.headers["X-Request-Id"] = request_id
        answer.headers["Cache-Control"] = "no-store"
        logs.event("ssp-request", request_id=request_id, status=answer.status_code)
        return answer

    async def _answer(self, request: Request, request_id: str, now: datetime) -> Response:
        peer = str(request.scope.get("state", {}).get(PEER, ""))
        if not peer:
            raise NotListed
        asking = read_headers(_joined(request), self.described.description.asid)
        consumer = self.described.consumer(asking.consumer)
        if consumer is None:
            logs.event("ssp-consumer-refused", logging.WARNING, request_id=request_id, reason="its ASID is not listed")
            raise NotListed
        if request.url.query:
            raise NotAsAgreed("An address has no parameters.")
        self.limit.check(consumer.asid, now)
        caller = self._caller(consumer, asking, request, request_id, now)
        address = str(request.path_params["address"])
        behind = [id for partner in self.described.description.partners for id in self.dues.behind(partner, address)]
        question = BehindPointer(tuple(behind), now, self.operations.style)
        said = await self.operations.answer_to(caller, question, now)
        document = read_document(json.decode(bytes(said.body)))
        access = self.operations.read_record.access
        answering = await answering_for(access, caller.principal, document, now)
        return Response(await self.paper(document, answering), media_type="application/pdf")

    def _caller(self, consumer: Consumer, asking: Asking, request: Request, request_id: str, now: datetime) -> Caller:
        """Return the consumer as a caller: its system, nobody named, for nobody showed us who asks. Raise NotListed."""
        client = self.registry.get(consumer.client)
        if client is None or Role.SYSTEM not in client.roles:
            raise NotListed
        organisation = consumer.organisation or client.organisation
        if not client.acts_for(organisation):
            raise NotListed
        require(client.scopes, "Patient", "r")
        peer = str(request.scope["state"][PEER])
        principal = Principal(
            client_id=client.client_id,
            organisation=organisation,
            role=Role.SYSTEM,
            purpose=Purpose.TREAT,
            registered_roles=client.roles,
            scopes=client.scopes,
            token_id=request_id,
            issuer=ISSUER,
        )
        said = (("peer", peer), ("verb", request.method), ("path", request.url.path), *asking.said)
        device = request.client.host if request.client else ""
        return Caller(principal, request_id, at=now, device=device, said=said)


def _joined(request: Request) -> dict[str, str]:
    """Return the headers by name in lower case; the values of one that came twice are joined, as RFC 9110 has it."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
