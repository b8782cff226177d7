"""How often a client may ask, and how often a request for a token may come to nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.requests import Request

from security.errors import KeyUnavailable
from security.grants import TokenAnswer
from security.issuer import Issuer
from service.api import outcomes
from service.api.errors import TooManyRequests
from service.api.limits import RateLimit
from service.api.oauth import OAuthEndpoints
from service.record.guessing import TooManyGuesses
from service.store.errors import StoreUnavailable

NOW = datetime(2026, 11, 28, 3, 0, 30, tzinfo=UTC)


def test_each_client_has_its_own_count_in_each_minute() -> None:
    limit = RateLimit(3)
    for _ in range(3):
        limit.check("one", NOW)
    with pytest.raises(TooManyRequests) as refused:
        limit.check("one", NOW + timedelta(seconds=10))
    assert refused.value.seconds == 20
    limit.check("two", NOW)
    limit.check("one", NOW + timedelta(seconds=30))


def test_a_clock_that_is_moved_back_begins_to_count_anew() -> None:
    limit = RateLimit(1)
    limit.check("one", NOW)
    limit.check("one", NOW - timedelta(hours=3))
    with pytest.raises(TooManyRequests):
        limit.check("one", NOW - timedelta(hours=3))


def test_off_nothing_is_counted() -> None:
    limit = RateLimit(0)
    for _ in range(100):
        limit.check("one", NOW)
    assert not limit.reached("one", NOW)


@pytest.mark.parametrize("problem", [TooManyRequests(12), TooManyGuesses(12)])
def test_the_answer_says_when_to_go_on(problem: Exception) -> None:
    answer = outcomes.answer(problem)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "12")
    assert b"throttled" in answer.body


def asking(address: str) -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"grant_type=nothing", "more_body": False}

    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"type": "http", "method": "POST", "path": "/oauth2/token", "headers": headers, "client": (address, 1)}
    return Request(scope, receive)


async def test_an_address_whose_requests_come_to_nothing_has_to_wait() -> None:
    times, asked = [NOW], []

    async def answer(form: dict[str, str]) -> TokenAnswer:
        asked.append(form)
        return TokenAnswer(400, {"error": "unsupported_grant_type"}, {})

    issuer = cast(Issuer, SimpleNamespace(answer=answer))
    endpoints = OAuthEndpoints(issuer, lambda request, code: None, RateLimit(2), lambda: times[0])
    found = [(await endpoints.token(asking("192.0.2.1"))).status_code for _ in range(4)]
    assert found == [400, 400, 429, 429]
    assert len(asked) == 2, "what it sends is not looked at"
    assert (await endpoints.token(asking("192.0.2.2"))).status_code == 400
    times[0] += timedelta(minutes=1)
    assert (await endpoints.token(asking("192.0.2.1"))).status_code == 400


@pytest.mark.parametrize("fault", [StoreUnavailable("away"), KeyUnavailable("away")])
async def test_while_the_store_or_the_keys_are_away_no_token_is_given_and_nobody_is_blamed(fault: Exception) -> None:
    async def answer(form: dict[str, str]) -> TokenAnswer:
        raise fault

    failures = RateLimit(1)
    endpoints = OAuthEndpoints(cast(Issuer, SimpleNamespace(answer=answer)), lambda *_: None, failures, lambda: NOW)
    found = [await endpoints.token(asking("192.0.2.1")) for _ in range(2)]
    assert [one.status_code for one in found] == [503, 503]
    assert (found[0].headers["retry-after"], found[0].headers["cache-control"]) == ("5", "no-store")
    assert json.loads(bytes(found[0].body))["error"] == "temporarily_unavailable"


async def test_a_fault_of_ours_is_told_in_the_words_of_oauth() -> None:
    async def answer(form: dict[str, str]) -> TokenAnswer:
        raise ZeroDivisionError

    issuer = cast(Issuer, SimpleNamespace(answer=answer))
    found = await OAuthEndpoints(issuer, lambda *_: None).token(asking("192.0.2.1"))
    assert (found.status_code, json.loads(bytes(found.body))["error"]) == (500, "server_error")
