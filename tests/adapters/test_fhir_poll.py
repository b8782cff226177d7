"""What a FHIR partner has for us: nothing lost at the edge of a second, nothing held up by what cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from adapters import fhir_pages, fhir_poll
from adapters.base import Polled, Untranslatable, Whom
from adapters.errors import NotAuthorised, OtherPerson, Overloaded, Unintelligible, Unreachable
from adapters.fhir_partner import FhirPartner
from tests.adapters.fhir_world import NUMBER, Json, observation, speaking_to, theirs_patient
from tests.adapters.small_server import Asked, Reply, SmallServer, cut, small_server

ADA = Whom(NUMBER, "Invented", "1941-05-02")


@pytest.fixture
def server() -> Iterator[SmallServer]:
    with small_server() as running:
        yield running


def theirs(patient: str, text: str = "Wants the radio on", **changed: Any) -> Json:
    """Return an Observation as the partner's people write it."""
    found = observation(text, subject={"reference": patient}, **changed)
    return {name: value for name, value in found.items() if name not in ("id", "meta")}


async def everything(partner: FhirPartner, cursor: str = "") -> tuple[list[str], str]:
    """Poll until there is no more; return the texts that arrived, each message once, and the cursor."""
    texts: dict[str, str] = {}
    for _ in range(50):
        polled: Polled = await partner.poll(cursor)
        for message in polled.messages:
            [arrived] = partner.arrived(message)
            assert arrived.resource is not None
            texts[message.id] = arrived.resource["valueString"]
        cursor = polled.cursor
        if not polled.more:
            return list(texts.values()), cursor
    raise AssertionError("it never ends")


async def test_what_they_wrote_arrives_with_whom_it_is_about_and_who_wrote_it(server: SmallServer) -> None:
    patient = server.add(theirs_patient())
    organisation = server.add({"resourceType": "Organization", "name": "Sampleford Hospice"})
    doctor = server.add({"resourceType": "Practitioner", "name": [{"family": "Specimen"}]})
    role = server.add(
        {
            "resourceType": "PractitionerRole",
            "practitioner": {"reference": doctor},
            "organization": {"reference": f"{server.base}/{organisation}"},
        }
    )
    reference = server.add(theirs(patient, performer=[{"reference": f"{server.base}/{role}"}]))
    async with speaking_to(server.base) as partner:
        [message] = (await partner.poll("")).messages
        [arrived] = partner.arrived(message)

    assert (arrived.theirs, arrived.version) == (reference, "1")
    assert arrived.sent == server.current(reference)["meta"]["lastUpdated"]
    assert arrived.whom == ADA
    assert arrived.resource is not None
    assert arrived.resource["subject"] == {"reference": patient}
    assert arrived.resource["performer"] == [{"reference": role}]
    assert "id" not in arrived.resource
    assert "meta" not in arrived.resource
    assert set(arrived.companions) == {organisation, doctor, role}
    assert arrived.companions[role]["organization"] == {"reference": organisation}
    assert NUMBER not in " ".join(one.path for one in server.asked)


async def test_the_same_version_has_the_same_id_and_a_new_one_another(server: SmallServer) -> None:
    patient = server.add(theirs_patient())
    reference = server.add(theirs(patient))
    async with speaking_to(server.base) as partner:
        first = [one.id for one in (await partner.poll("")).messages]
        assert [one.id for one in (await partner.poll("")).messages] == first == [f"{reference}/1"]
        server.change(reference, valueString="Changed")
        assert [one.id for one in (await partner.poll("")).messages] == [f"{reference}/2"]


async def test_only_what_is_new_comes_and_the_edge_of_the_second_twice(server: SmallServer) -> None:
    patient = server.add(theirs_patient())
    async with speaking_to(server.base) as partner:
        server.add(theirs(patient, "One"))
        texts, cursor = await everything(partner)
        assert texts == ["One"]
        server.step = timedelta(milliseconds=1)
        server.add(theirs(patient, "Two, in the same second"))
        assert (await everything(partner, cursor))[0] == ["One", "Two, in the same second"]
        server.step = timedelta(seconds=5)
        server.add(theirs(patient, "Three"))
        texts, cursor = await everything(partner, cursor)
        assert texts == ["One", "Two, in the same second", "Three"]
        assert (await everything(partner, cursor))[0] == ["Three"]


@pytest.mark.parametrize("sorts", [True, False])
@pytest.mark.parametrize("step", [timedelta(0), timedelta(seconds=1)])
async def test_many_come_in_parts_and_none_is_left_out(
    server: SmallServer, sorts: bool, step: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fhir_poll, "ENOUGH", 10)
    patient = server.add(theirs_patient())
    server.sorts, server.step = sorts, step
    for number in range(35):
        server.add(theirs(patient, f"Number {number}"))
    if not sorts:
        server.held = dict(sorted(server.held.items(), key=lambda item: item[0][::-1]))
    async with speaking_to(server.base, page=4) as partner:
        texts, _ = await everything(partner)
    assert sorted(texts) == sorted(f"Number {number}" for number in range(35))


async def test_much_of_one_type_in_one_second_keeps_no_other_type_waiting(
    server: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fhir_poll, "ENOUGH", 10)
    patient = server.add(theirs_patient())
    server.step = timedelta(0)
    for number in range(25):
        server.add(theirs(patient, f"Number {number}"))
    server.add({**theirs(patient, "A goal"), "resourceType": "Goal"})
    async with speaking_to(server.base, types=["Observation", "Goal"], page=5) as partner:
        texts, cursor = await everything(partner)
        assert len(texts) == 26
        server.add({**theirs(patient, "Another goal"), "resourceType": "Goal"})
        assert "Another goal" in (await everything(partner, cursor))[0]


async def test_a_clock_that_is_ahead_there_hides_nothing(server: SmallServer) -> None:
    patient = server.add(theirs_patient())
    now = datetime(2026, 11, 1, 12, 0, 30, tzinfo=UTC)
    async with speaking_to(server.base, clock=lambda: now) as partner:
        kept = server.clock
        server.clock = datetime(2099, 1, 1, tzinfo=UTC)
        server.add(theirs(patient, "From a clock gone wrong"))
        cursor = (await partner.poll("")).cursor
        server.clock = kept + timedelta(minutes=1)
        server.add(theirs(patient, "After the clock was mended"))
        assert "After the clock was mended" in (await everything(partner, cursor))[0]


async def test_many_changes_dated_ahead_of_our_clock_all_arrive(
    server: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fhir_poll, "ENOUGH", 10)
    patient = server.add(theirs_patient())
    for number in range(35):
        server.add(theirs(patient, f"Number {number}"))
    ticks = count()

    def behind() -> datetime:
        """Return our time, an hour behind theirs and going on."""
        return server.clock + timedelta(seconds=next(ticks) - 3_600)

    async with speaking_to(server.base, page=5, clock=behind) as partner:
        texts, _ = await everything(partner)
    assert len(texts) == 35


async def test_a_cursor_that_is_none_begins_from_the_beginning(server: SmallServer) -> None:
    server.add(theirs(server.add(theirs_patient())))
    async with speaking_to(server.base) as partner:
        assert (await everything(partner, "no cursor of ours"))[0] == ["Wants the radio on"]


async def test_one_that_cannot_be_read_holds_up_no_other(server: SmallServer) -> None:
    patient = server.add(theirs_patient())
    broken = server.add(theirs(patient))
    server.raw[broken] = b'{"resourceType":"Observation","status":"final","status":"final"}'
    latin = server.add(theirs(patient))
    server.raw[latin] = '{"resourceType":"Observation","id":"x","valueString":"Zoë"}'.encode("latin-1")
    server.add(theirs(patient, "Well"))
    async with speaking_to(server.base) as partner:
        messages = (await partner.poll("")).messages
        assert len(messages) == 3
        for message in messages[:2]:
            assert message.id.startswith("unreadable/")
            with pytest.raises(Untranslatable) as caught:
                partner.arrived(message)
            assert caught.value.why == "the resource is not JSON that can be read"
        assert server.raw[broken] in messages[0].original
        [arrived] = partner.arrived(messages[2])
        assert arrived.resource is not None
        assert arrived.resource["valueString"] == "Well"


async def test_a_person_whom_the_partner_does_not_show_makes_a_message_that_says_so(server: SmallServer) -> None:
    server.add(theirs("Patient/hidden"))
    async with speaking_to(server.base) as partner:
        [message] = (await partner.poll("")).messages
        with pytest.raises(Untranslatable) as caught:
            partner.arrived(message)
    assert caught.value.why == "it names no Patient that the partner would show"


async def test_what_is_removed_with_its_patient_while_we_ask_is_no_message(server: SmallServer) -> None:
    """We remove what somebody may not have any more ourselves, the person last, and may be asking meanwhile."""
    patient = server.add(theirs_patient())
    gone = server.add(theirs(patient))
    stays = server.add(theirs(server.add(theirs_patient(id="other")), "Well"))

    def removed(asked: Asked, reply: Reply) -> Reply:
        server.held[gone] = server.held[patient] = None
        return reply

    server.after.append(("POST /fhir/Observation/_search", removed))
    async with speaking_to(server.base) as partner:
        messages = (await partner.poll("")).messages
        assert [partner.arrived(one)[0].theirs for one in messages] == [stays]


IN_ITS_PLACE = [
    Reply(200, b"<html><body>It works!</body></html>", {"Content-Type": "text/html"}),
    Reply(200, b'{"resourceType":"Patient","id":'),
    Reply(200, b'{"resourceType":"OperationOutcome","issue":[]}'),
]


@pytest.mark.parametrize("reply", IN_ITS_PLACE, ids=["html", "truncated", "outcome"])
async def test_what_is_answered_in_the_place_of_a_patient_is_asked_for_again(server: SmallServer, reply: Reply) -> None:
    server.add(theirs(server.add(theirs_patient())))
    server.before.append(("GET /fhir/Patient/", reply))
    async with speaking_to(server.base) as partner:
        with pytest.raises(Unintelligible):
            await partner.poll("")
        assert (await everything(partner))[0] == ["Wants the radio on"]


async def test_a_patient_that_can_never_be_read_holds_up_no_other_for_long(server: SmallServer) -> None:
    server.add(theirs(server.add(theirs_patient())))
    server.add(theirs(server.add(theirs_patient(id="other")), "Well"))
    server.before += [("GET /fhir/Patient/t1", IN_ITS_PLACE[1])] * 3
    async with speaking_to(server.base) as partner:
        for _ in range(2):
            with pytest.raises(Unintelligible):
                await partner.poll("")
        unread, well = (await partner.poll("")).messages
        with pytest.raises(Untranslatable, match="it names no Patient"):
            partner.arrived(unread)
        [arrived] = partner.arrived(well)
        assert arrived.resource is not None
        assert arrived.resource["valueString"] == "Well"


@pytest.mark.parametrize(
    ("reply", "fact"),
    [
        (Reply(429, headers={"Retry-After": "3"}), Overloaded),
        (Reply(401), NotAuthorised),
        (Reply(200, b"<html>"), Unintelligible),
        (Reply(200, b'{"resourceType":"Patient"}'), Unintelligible),
        (Reply(200, b'{"resourceType":"Bundle","entry":[{"resource":{}'), Unintelligible),
        (Reply(307, headers={"Location": "https://elsewhere.example/"}), Unintelligible),
    ],
)
async def test_a_question_that_fails_is_a_fact(server: SmallServer, reply: Reply, fact: type[Exception]) -> None:
    server.before.append(("POST /fhir/Observation/_search", reply))
    async with speaking_to(server.base) as partner:
        with pytest.raises(fact):
            await partner.poll("")


async def test_an_answer_that_is_cut_short_is_asked_for_again(server: SmallServer) -> None:
    server.add(theirs(server.add(theirs_patient())))
    server.after.append(("POST /fhir/Observation/_search", cut))
    async with speaking_to(server.base) as partner:
        with pytest.raises(Unreachable):
            await partner.poll("")
        assert (await everything(partner))[0] == ["Wants the radio on"]


def page(next_url: str) -> Reply:
    return Reply(
        200,
        b'{"resourceType":"Bundle","link":[{"relation":"next","url":"%s"}],"entry":[]}' % next_url.encode(),
    )


async def test_pages_that_lead_elsewhere_or_never_end_are_not_followed(
    server: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fhir_pages, "MOST_PAGES", 5)
    async with speaking_to(server.base) as partner:
        for elsewhere in ("https://elsewhere.example/fhir/Observation?page=2", f"{server.base}.example/x", "/fhir/x",
                          f"{server.base}/%2e%2e/admin"):  # fmt: skip
            server.before = [("POST /fhir/Observation/_search", page(elsewhere))]
            with pytest.raises(Unintelligible) as caught:
                await partner.poll("")
            assert "leads to another server" in str(caught.value)

        server.before = [("POST", page(f"{server.base}/Observation?page=1"))]
        server.before += [("GET", page(f"{server.base}/Observation?page=1")) for _ in range(3)]
        with pytest.raises(Unintelligible) as caught:
            await partner.poll("")
        assert "in a circle" in str(caught.value)

        server.before = [("POST", page(f"{server.base}/Observation?page=1"))]
        server.before += [("GET", page(f"{server.base}/Observation?page={number}")) for number in range(2, 20)]
        with pytest.raises(Unintelligible) as caught:
            await partner.poll("")
        assert "more pages" in str(caught.value)


async def test_everything_of_one_person_is_had_without_a_cursor(server: SmallServer) -> None:
    ada = server.add(theirs_patient())
    other = server.add(theirs_patient(identifier=[{"system": "https://elsewhere.example", "value": "1"}]))
    server.add(theirs(ada, "Of Ada"))
    server.add(theirs(other, "Of somebody else"))
    async with speaking_to(server.base, types=["Patient", "Observation"]) as partner:
        messages = await partner.of_person(ADA)
        arrived = [one for message in messages for one in partner.arrived(message)]
        assert arrived[0].theirs == ada
        assert [one.resource["valueString"] for one in arrived[1:] if one.resource] == ["Of Ada"]
        assert await partner.of_person(ADA, ada) == messages
        assert await partner.of_person(Whom("9990000026", "Nobody", "1950-01-01")) == ()
        with pytest.raises(OtherPerson):
            await partner.of_person(Whom(NUMBER, "Invented", "1950-01-01"))
