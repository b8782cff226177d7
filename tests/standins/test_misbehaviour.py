"""Each command does what it says, and well-behaved again means as before."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest

from service.standins.misbehaving import SOMEBODY_ELSE
from tests.standins.far_end import ADA, NHS_NUMBER, FarEnd, cpr


async def test_down_and_up_again(practice: FarEnd) -> None:
    ada = await practice.ada()
    await practice.say("DOWN")
    assert (await practice.create(cpr(ada))).status_code == 503
    assert (await practice.http.post(f"{practice.addresses.page}/token")).status_code == 503
    assert "Down:" in (await practice.http.get(practice.addresses.page)).text, "the page is for people, and answers"
    await practice.say("OK")
    assert (await practice.create(cpr(ada))).status_code == 201
    assert (await practice.effects())["counts"] == {"create": 1}


async def test_down_so_that_connections_are_refused(practice: FarEnd) -> None:
    ada = await practice.ada()
    await practice.say("DOWN", how="refused")
    with pytest.raises(httpx.ConnectError):
        await practice.create(cpr(ada))
    with pytest.raises(httpx.ConnectError):
        await practice.http.get(practice.addresses.page)
    assert (await practice.effects())["counts"] == {}, "the control endpoint still answers"
    await practice.say("OK")
    assert (await practice.create(cpr(ada))).status_code == 201


async def test_slow(practice: FarEnd) -> None:
    await practice.say("SLOW", seconds=0.3)
    begun = time.monotonic()
    assert (await practice.search("Patient", "_count=1")).status_code == 200
    assert time.monotonic() - begun >= 0.3


async def test_duplicating_loses_the_answer_and_keeps_the_effect(practice: FarEnd) -> None:
    ada = await practice.ada()
    await practice.say("DUPLICATING", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await practice.create(cpr(ada), {"Idempotency-Key": "parcel-0001"})
    assert (await practice.effects())["counts"] == {"create": 1}
    again = await practice.create(cpr(ada), {"Idempotency-Key": "parcel-0001"})
    assert again.status_code == 201
    assert (await practice.effects())["counts"] == {"create": 1}


async def test_a_careless_sender_does_it_twice(practice: FarEnd) -> None:
    ada = await practice.ada()
    await practice.say("DUPLICATING", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await practice.create(cpr(ada))
    await practice.create(cpr(ada))
    assert (await practice.effects())["counts"] == {"create": 2}, "so a sender that is careful can be told from it"


async def test_reordering_holds_a_request_back_until_the_next_is_done(practice: FarEnd) -> None:
    ada = await practice.ada()
    await practice.say("REORDERING", seconds=20)
    first = asyncio.create_task(practice.create(cpr(ada, note=[{"text": "first"}])))
    while (await _state(practice))["held"] is False:
        assert not first.done()
    second = await practice.create(cpr(ada, note=[{"text": "second"}]))
    held = await first
    assert (second.status_code, held.status_code) == (201, 201)
    assert second.json()["meta"]["lastUpdated"] < held.json()["meta"]["lastUpdated"]


async def test_reordering_lets_a_lone_request_go_on(practice: FarEnd) -> None:
    await practice.say("REORDERING", seconds=0.1)
    assert (await practice.search("Patient", "_count=1")).status_code == 200


async def test_rate(practice: FarEnd) -> None:
    ada = await practice.ada()
    await practice.say("RATE", seconds=7, times=1)
    busy = await practice.create(cpr(ada))
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "7")
    assert (await practice.create(cpr(ada))).status_code == 201
    assert (await practice.effects())["counts"] == {"create": 1}


async def test_wrong_content_type(practice: FarEnd) -> None:
    await practice.say("WRONG", how="content-type")
    answer = await practice.search("Patient", "_count=1")
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/html")


async def test_wrong_truncated(practice: FarEnd) -> None:
    ada = await practice.ada()
    await practice.say("WRONG", how="truncated")
    answer = await practice.create(cpr(ada))
    assert answer.status_code == 201
    with pytest.raises(ValueError, match=r"."):
        answer.json()
    assert (await practice.effects())["counts"] == {"create": 1}


async def test_wrong_outcome(practice: FarEnd) -> None:
    await practice.say("WRONG", how="outcome")
    answer = await practice.search("Patient", "_count=1")
    assert (answer.status_code, answer.json()["resourceType"]) == (200, "OperationOutcome")


async def test_wrong_person(practice: FarEnd) -> None:
    await practice.say("WRONG", how="person")
    found = (await practice.search("Patient", f"identifier={NHS_NUMBER}|{ADA}")).json()
    assert [entry["resource"]["identifier"][0]["value"] for entry in found["entry"]] == [SOMEBODY_ELSE]
    await practice.say("OK")
    found = (await practice.search("Patient", f"identifier={NHS_NUMBER}|{ADA}")).json()
    assert [entry["resource"]["identifier"][0]["value"] for entry in found["entry"]] == [ADA]


async def test_wrong_takes_turns(practice: FarEnd) -> None:
    await practice.say("WRONG")
    answers = [await practice.search("Patient", "_count=1") for _ in range(4)]
    kinds = [one.headers["content-type"].partition(";")[0] for one in answers]
    assert kinds == ["text/html", *["application/fhir+json"] * 3]
    assert "OperationOutcome" in answers[3].text


@pytest.mark.parametrize(
    "command",
    [
        {"word": "SLEEPY"},
        {"word": "OK", "how": "refused"},
        {"word": "DOWN", "how": "person"},
        {"word": "SLOW", "seconds": -1},
        {"word": "SLOW", "seconds": "long"},
        {"word": "RATE", "times": -1},
        {"colour": "red"},
        [],
    ],
)
async def test_commands_that_are_none(practice: FarEnd, command: Any) -> None:
    answer = await practice.http.post(f"{practice.addresses.control}/say", json=command)
    assert answer.status_code == 400
    assert (await _state(practice))["word"] == "OK"


async def test_a_page_elsewhere_cannot_command(practice: FarEnd) -> None:
    """A browser sends a form or plain text to any address unasked; JSON it does not."""
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = await practice.http.post(
            f"{practice.addresses.control}/say", content=b'{"word": "DOWN"}', headers={"Content-Type": kind}
        )
        assert answer.status_code == 400
    assert (await _state(practice))["word"] == "OK"


async def _state(end: FarEnd) -> dict[str, Any]:
    found: dict[str, Any] = (await end.http.get(f"{end.addresses.control}/state")).json()
    return found
