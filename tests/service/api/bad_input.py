"""What every refusal of bad input is held against: it repeats nothing, and is logged once without content."""

from __future__ import annotations

import base64
import json

import httpx

from tests.journeys.people import Json, gp, issues_of
from tests.running import FHIR, Running

CANARY = "Canaryfield-31415"
"""Stands in every bad value; it must come back in no answer and stand in no log line."""

_LOGGED = {
    *("time", "level", "event", "request_id", "interaction", "status", "milliseconds"),
    *("resource_type", "client", "organisation", "role", "purpose"),
}


def send(service: Running, path: str, body: bytes | Json, method: str = "POST", **headers: str) -> httpx.Response:
    """Send a body as Dr Testwick and see that the refusal is clean; `If_Match` stands for the header If-Match."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = service.call(method, path, gp(service), sent, FHIR | named)
    is_clean_outcome(service, answer)
    return answer


def is_clean_outcome(service: Running, answer: httpx.Response) -> None:
    """See that an answer is an OperationOutcome in plain sentences, without the canary, and logged without content."""
    for issue in issues_of(answer):
        assert issue["severity"] in ("error", "fatal", "information")
        text = issue["details"]["text"]
        assert text.endswith(".") or "$refused-text" in text
    is_clean(service, answer)


def is_clean(service: Running, answer: httpx.Response, token: str = "") -> None:
    """See that nothing of the canary or of a token came back or was logged, and that the request was, once."""
    # A further request is answered after the last one was logged.
    service.client.get(f"{service.settings.base_url}/health/live")
    log = service.log.read_text()
    for text in (answer.text, *answer.headers.values(), log):
        assert "canary" not in text.lower()
        assert len(token) < 40 or token[-40:] not in text
    lines = [json.loads(line) for line in log.splitlines() if answer.headers["x-request-id"] in line]
    (line,) = [line for line in lines if line.get("event") == "request"]
    assert line["status"] == answer.status_code
    assert line.keys() <= _LOGGED


def decoded(part: str) -> bytes:
    """Return the bytes of one part of a JWT."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def encoded(value: object) -> str:
    """Return bytes, or a value as JSON, as one part of a JWT."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
