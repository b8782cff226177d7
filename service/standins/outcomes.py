"""How a stand-in says no: an OperationOutcome with the status of the rule, and what broke a rule is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fhir_profiles.issues import Issue, error
from fhir_profiles.json import encode
from service.standins.ledger import Ledger

FHIR_JSON = "application/fhir+json"
Handler = Callable[[Request], Awaitable[Response]]


class Refusal(Exception):
    """A request is refused. `rule` names the rule that it broke; '' when it broke none and only came to nothing."""

    def __init__(
        self,
        status: int,
        code: str,
        text: str,
        rule: str = "",
        issues: Iterable[Issue] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.rule = rule
        self.issues = tuple(issues) or (error(code, "", text),)
        self.headers = dict(headers or {})


def outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """Return an OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(one) for one in issues]}


def _issue(one: Issue) -> dict[str, Any]:
    told: dict[str, Any] = {"severity": one.severity, "code": one.code, "details": {"text": one.text}}
    return {**told, "expression": [one.expression]} if one.expression else told


def fhir(resource: Mapping[str, Any] | None, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response of FHIR JSON, or an empty one."""
    if resource is None:
        return Response(status_code=status, headers=dict(headers or {}))
    return Response(encode(resource), status, dict(headers or {}), f"{FHIR_JSON};charset=utf-8")


def guarded(handler: Handler, ledger: Ledger, where: Callable[[Request], str]) -> Handler:
    """Return a handler that answers every Refusal and keeps the broken rules. `where` names nobody and no id."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except Refusal as refusal:
            ledger.refused(refusal.status)
            if refusal.rule:
                ledger.violated(refusal.rule, where(request), refusal.status, refusal.text)
            return fhir(outcome(refusal.issues), refusal.status, refusal.headers)

    return answered
