"""POST /itk/nhs111-report: the door at which 111 services leave their reports, as ITK messages over SOAP 1.1.

The sender is a registered client with a token, like every caller, and a partner of kind `itk-111`. A report is
written down, durable and sealed, before it is answered; what becomes of it is the engine's. So whether the person is
known here, and whether this service may say anything about them, is in no answer: absent, refused and filed look the
same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from security.clock import Clock
from security.errors import IdentityError
from security.principal import Principal, Role
from security.scopes import require
from security.tokens import TokenVerifier
from service.api.errors import BodyTooLarge, TooManyRequests
from service.api.limits import RateLimit
from service.api.negotiation import read_body
from service.sync.members import Member
from service.sync.reports import MOST_BYTES, ReportRefused, Reports, TooManyWait, fault

PATH = "/itk/nhs111-report"
XML = "text/xml; charset=utf-8"
_MEDIA_TYPES = frozenset({"text/xml", "application/xml", "application/soap+xml"})


@dataclass(frozen=True, slots=True)
class ItkReports:
    """The handler."""

    reports: Reports
    verifier: TokenVerifier = field(repr=False)
    clock: Clock
    limit: RateLimit

    async def take(self, request: Request) -> Response:
        """Store one report and answer it; raise what is wrong."""
        member = self._member(await self._principal(request))
        request.scope["log_fields"] = {"client": member.client.client_id, "organisation": member.organisation}
        self.limit.check(member.client.client_id, self.clock())
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _MEDIA_TYPES:
            raise ReportRefused("The body must be text/xml.")
        body = await read_body(request, MOST_BYTES)
        return Response(await self.reports.store(member, body), 200, media_type=XML)

    async def _principal(self, request: Request) -> Principal:
        values = request.headers.getlist("authorization")
        token = values[0][7:] if len(values) == 1 and values[0].startswith("Bearer ") else ""
        return await self.verifier.verify(token, self.clock())

    def _member(self, principal: Principal) -> Member:
        require(principal.scopes, "Communication", "c")
        member = self.reports.members.get(principal.client_id)
        if member is None or principal.role != Role.SYSTEM or principal.organisation != member.organisation:
            raise _NotAPartnerError
        return member


class _NotAPartnerError(IdentityError):
    """A genuine token of a client that leaves no reports here."""


@dataclass(frozen=True, slots=True)
class ItkDoor:
    """The address. `open` gives the handler once the service is open, None before."""

    open: Callable[[], ItkReports | None]

    async def answer(self, request: Request) -> Response:
        """Answer a report; every failure is a SOAP fault of fixed words."""
        request.scope["interaction"] = "nhs111-report"
        id = str(request.scope["request_id"])
        reports = self.open()
        try:
            if reports is None:
                return _busy(id)
            return await reports.take(request)
        except ReportRefused as problem:
            return _fault(500, problem.why, id)  # SOAP 1.1, 6.2: a fault is a 500, whoever's it is
        except BodyTooLarge as problem:
            return _fault(413, f"A message may have {problem.limit} bytes.", id)
        except TooManyRequests as problem:
            return _busy(id, problem.seconds)
        except IdentityError as problem:
            known = isinstance(problem, _NotAPartnerError)
            why = "This client leaves no reports here." if known else "A valid access token with its scope is needed."
            return _fault(403 if known else 401, why, id)
        except TooManyWait:
            return _busy(id)
        except Exception as problem:
            logging.getLogger("epaccs.faults").error("unexpected failure", exc_info=problem)
            return _busy(id)


def _fault(status: int, why: str, id: str) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return Response(fault(why, id), status, headers, media_type=XML)


def _busy(id: str, seconds: int = 5) -> Response:
    body = fault("Send the same message again later.", id, ours=True)
    return Response(body, 503, {"Retry-After": str(max(1, seconds))}, media_type=XML)
