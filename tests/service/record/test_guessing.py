"""Whoever looks for too many people who are not theirs is told to wait, present and absent alike; crews are not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from security.principal import NamedPerson, Role
from service.app import owed_of, services_of
from service.plan.particulars import of_patient
from service.record.access import Caller, Refused
from service.record.errors import Problem
from service.record.guessing import LOCKED, WINDOW, TooManyGuesses
from tests.service.record.house import House, create, doctor, patient
from tests.service.record.test_alerts import officer

LIMIT = 3
NOW = datetime(2026, 11, 28, 3, 1, tzinfo=UTC)
ABSENT = patient(799)[0]
Guess = Callable[[House, Caller, str], Awaitable[object]]


@pytest.fixture
def limited(service_house: House) -> House:
    return at(service_house, NOW)


def at(house: House, moment: datetime) -> House:
    """Return the service with a low limit, as a process of its own, at a moment."""
    settings = replace(house.opened.settings, guess_limit=LIMIT)
    opened = replace(house.opened, settings=settings, clock=lambda: moment)
    return House(opened, services_of(opened), house.path)


def stranger(user: str = "somebody", client: str = "client-of-ZZHOS9") -> Caller:
    principal = doctor("ZZHOS9", Role.HOSPITAL).principal
    return Caller(replace(principal, client_id=client, user=NamedPerson(user, "Dr Test")), "request-1")


async def emergency(house: House, who: Caller, number: str) -> object:
    return await house.ask_in_emergency(number, who)


async def search(house: House, who: Caller, number: str) -> object:
    parameters = [("identifier", f"{NHS_NUMBER_SYSTEM}|{number}")]
    return await house.services.interactions.search_records(who, "Patient", parameters)


async def match(house: House, who: Caller, number: str) -> object:
    asked = of_patient({"identifier": [{"system": NHS_NUMBER_SYSTEM, "value": number}]})
    return await house.services.operations.matching.find_people(who, asked)


GUESSES: dict[str, Guess] = {"emergency": emergency, "search": search, "match": match}


async def outcome(asked: Awaitable[object]) -> str:
    try:
        await asked
    except TooManyGuesses:
        return "wait"
    except Refused as refused:
        return str(refused.decision.status)
    except Problem as problem:
        return type(problem).__name__
    return "answered"


@pytest.mark.parametrize("kind", GUESSES)
@pytest.mark.parametrize("present", [True, False])
async def test_present_and_absent_count_alike_in_every_look_up(limited: House, kind: str, present: bool) -> None:
    numbers = [patient(710 + index)[0] for index in range(LIMIT + 2)]
    if present:
        for index in range(LIMIT + 2):
            await limited.write(create(patient(710 + index)[1]))
    found = [await outcome(GUESSES[kind](limited, stranger(), number)) for number in numbers]
    answer = "404" if kind == "emergency" else "answered"
    assert found == [answer] * LIMIT + ["wait"] * 2


async def test_every_kind_of_look_up_goes_into_one_count(limited: House) -> None:
    for kind in ("emergency", "search", "match"):
        assert await outcome(GUESSES[kind](limited, stranger(), ABSENT)) != "wait"
    for kind in GUESSES:
        assert await outcome(GUESSES[kind](limited, stranger(), ABSENT)) == "wait"


async def test_an_established_relationship_is_answered_all_the_same(limited: House) -> None:
    number, resource = patient(720)
    await limited.write(create(resource))
    crew = Caller(replace(doctor("ZZAMB1", Role.AMBULANCE).principal), "request-1")
    for _ in range(LIMIT + 1):
        await outcome(emergency(limited, crew, ABSENT))
    assert await outcome(emergency(limited, crew, number)) == "wait", "without an incident, like an absent person"
    await limited.services.operations.incidents.open(doctor("ZZCAD1"), number, "ZZAMB1", "INC-1")
    assert await outcome(emergency(limited, crew, number)) == "answered"
    assert await outcome(emergency(limited, crew, ABSENT)) == "wait"


async def test_others_are_not_locked_out_until_the_client_as_a_whole_is(limited: House) -> None:
    for _ in range(LIMIT + 1):
        await outcome(emergency(limited, stranger("a"), ABSENT))
    assert await outcome(emergency(limited, stranger("a"), ABSENT)) == "wait"
    assert await outcome(emergency(limited, stranger("b"), ABSENT)) == "404"
    # A name that is new each time is no way round: the client has a limit of its own.
    found = [await outcome(emergency(limited, stranger(f"u{number}"), ABSENT)) for number in range(10 * LIMIT)]
    assert "wait" in found
    assert found[-1] == "wait"
    assert await outcome(emergency(limited, stranger("c", "another-client"), ABSENT)) == "404"


async def test_processes_share_the_count(limited: House, service_house: House) -> None:
    for number in range(LIMIT):
        where = limited if number % 2 else at(service_house, NOW)
        assert await outcome(emergency(where, stranger(), ABSENT)) == "404"
    assert await outcome(emergency(at(service_house, NOW), stranger(), ABSENT)) == "wait"


async def test_it_ends_by_itself_and_counting_begins_anew(service_house: House, limited: House) -> None:
    for _ in range(LIMIT + 1):
        await outcome(emergency(limited, stranger(), ABSENT))
    access = limited.services.interactions.read_record.access
    seconds = access.guesses.locked(stranger().principal, NOW)
    assert seconds == LOCKED.total_seconds()
    assert access.guesses.locked(stranger().principal, NOW + LOCKED) == 0
    later = at(service_house, NOW + WINDOW)
    assert await outcome(emergency(later, stranger(), ABSENT)) == "404"


async def test_a_practice_that_takes_on_with_wrong_particulars_is_limited(limited: House) -> None:
    number, resource = patient(730)
    await limited.write(create(resource))
    wrong: dict[str, Any] = {**patient(730)[1], "birthDate": "1941-01-01"}
    guess = [await outcome(limited.write(create(wrong), caller=doctor("ZZGP09"))) for _ in range(LIMIT + 2)]
    assert guess == ["Unverified"] * LIMIT + ["wait"] * 2
    assert number


async def test_a_look_by_an_id_of_ours_is_no_guess(limited: House) -> None:
    found = [await outcome(limited.read("Patient/none", stranger())) for _ in range(LIMIT + 2)]
    assert found == ["404"] * (LIMIT + 2)


async def test_the_privacy_officer_hears_of_it_once(limited: House) -> None:
    for _ in range(LIMIT + 3):
        await outcome(emergency(limited, stranger(), ABSENT))
    owed = owed_of(limited.opened, limited.services)
    await owed.sweep()
    (one,) = await owed.alerts.list(officer("ZZHOS9", at=NOW), NOW - timedelta(hours=1))
    assert (one.kind, one.user_id, one.rule) == ("guess-limit", "somebody", "12")


async def test_switched_off_nothing_is_counted(service_house: House) -> None:
    opened = replace(service_house.opened, settings=replace(service_house.opened.settings, guess_limit=0))
    free = House(opened, services_of(opened), service_house.path)
    assert {await outcome(emergency(free, stranger(), ABSENT)) for _ in range(100)} == {"404"}
