"""Invariants of the sharing rules over generated Consents and callers, against the running program (rules, section 7).

The pure decision has its own properties (`tests/security/test_consent_properties.py`). Here what counts is what leaves
the socket: the bytes that one caller gets about one person in every way in which they can ask.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from security.access_policy import BASE_POLICY
from tests.journeys.people import Json, extension, gp, nhs_number
from tests.journeys.sharing_asking import Asking, told
from tests.journeys.sharing_examples import HOLDER, ORGANISATION_OF, Caller, Limits, Provision, callers, consents
from tests.journeys.sharing_world import GROUP, PATIENT, SECTIONS, URGENT, World, admit, word_of
from tests.running import Running, running

EACH = ceil(max(200, settings().max_examples) / len(ORGANISATION_OF))
"""Examples of each role: 200 of all of them in the ordinary run, 2,000 in the nightly one."""
EXAMPLES = EACH * len(ORGANISATION_OF)
WHOM = st.integers(0, 2)
FIRST_INDEX = 9_000
ABSENT_INDEX = FIRST_INDEX + 900
WARNED = {
    *("gp", "hospice", "community", "hospital", "ambulance", "nhs111", "care_home", "social_care", "patient", "proxy"),
    *("system", "coordination"),
}
"""Roles whose T1 is P: to them an absent decision group is said to be withheld."""
DO_NOT_INFER = "do not infer their absence"
REDACTED = '"code":"REDACTED"'


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service that lets proxies in and serves a locality with a coordination centre, and three people."""
    home = tmp_path_factory.mktemp("invariants")
    locality = {"name": "all", "places": [HOLDER], "serving": {"coordination": ["ZZCOO1"]}}
    own = {"id": "all", "version": "1", "locality": locality, "changes": {}}
    (home / "localities").mkdir()
    (home / "localities" / "all.json").write_text(json.dumps(own))
    base = json.loads(BASE_POLICY.read_text())
    base["gates"]["proxy"] = True
    (home / "policy.json").write_text(json.dumps(base))
    with running(home, EPACCS_POLICY=str(home / "policy.json"), EPACCS_LOCALITIES=str(home / "localities")) as service:
        yield peopled(service)


def peopled(service: Running) -> World:
    """Return a world of three people, each known to an open incident of the ambulance service and of 111."""
    made = World(service, absent=nhs_number(ABSENT_INDEX))
    for index in range(FIRST_INDEX, FIRST_INDEX + 3):
        someone = admit(service, gp(service), index)
        service.open_incident(someone.nhs_number, "ZZAMB1")
        service.open_incident(someone.nhs_number, "ZZ1110")
        made.known.append(someone)
    return made


_reached: Counter[str] = Counter()
"""How often the examples reached what they are for: a property that meets nothing proves nothing."""


def _every_invariant(world: World, caller: Caller, consent: Provision, asked_for: str, whom: int) -> None:
    asking = Asking.of(world, caller, world.known[whom])
    accepted = asking.choose(consent)
    asking.ask(asked_for)
    reached = {"accepted" if accepted else "refused", f"as {caller.role}"}

    reached |= every_way_of_reading_agrees(asking, asked_for)
    reached |= nothing_hidden_is_in_the_bytes(asking)
    reached |= the_decision_group_is_whole_or_said_to_be_withheld(asking)
    reached |= each_answer_is_written_down_once(asking)
    if accepted:
        reached |= whom_a_refusal_bars_reads_nothing(asking, consent)
    if caller.stranger:
        reached |= to_whom_all_is_refused_the_person_is_as_absent(asking, asked_for)
    _reached.update(reached)


def test_every_invariant_holds_for_every_caller_and_consent(world: World) -> None:
    """I3, I5, I8, I12, I14 and I16, and nothing has changed when a Consent was refused."""
    _reached.clear()

    for role in ORGANISATION_OF:
        examples = given(st.just(world), callers(role), consents(role), st.sampled_from([*SECTIONS, PATIENT]), WHOM)
        settings(max_examples=EACH)(examples(_every_invariant))()

    few = [name for name, least in LEAST.items() if _reached[name] < least * EXAMPLES // 200]
    assert not few, f"reached too seldom: {few} of {dict(_reached)}"


LEAST = {
    "accepted": 80,
    "refused": 5,
    "all is open": 5,
    "a part is open": 20,
    "nothing is open": 30,
    "the group is withheld": 2,
    "glass is broken": 1,
    "barred": 1,
    "barred by name": 1,
    "as absent": 8,
    "a claim refused as absent": 1,
    **{f"as {role}": EACH * 100 // EXAMPLES for role in ORGANISATION_OF},
}
"""How often of 200 examples each must be reached. Which are drawn changes with the program: rare ones ask for one."""


def every_way_of_reading_agrees(asking: Asking, asked_for: str) -> set[str]:
    """I16: read, vread of the newest, newest of the history, search and the emergency answer."""
    got, found = asking.got, asking.found()
    singles = {answer.status_code for answer in (got.read, got.vread, got.history)}
    assert len(singles) == 1, f"I16: {singles}"
    read = got.read.json() if got.read.status_code == 200 else None
    if read is not None:
        assert read == got.vread.json(), "I16: vread"
        assert [read] == [entry["resource"] for entry in got.history.json()["entry"]], "I16: history"
    if asked_for != PATIENT:
        assert read == found.get(asking.note(asked_for)), "I16: search"
    if got.emergency.status_code != 200:
        assert read is None, "I16: read, though the emergency answer is refused"
        assert not found, "I16: found, though the emergency answer is refused"
        return {"nothing is open"}
    urgent = {asking.note(section) for section in URGENT}
    held = asking.in_emergency_answer()
    assert {name: one for name, one in held.items() if name.startswith("Observation/")} == {
        name: one for name, one in found.items() if name in urgent
    }, "I16: emergency answer"
    if asked_for == PATIENT:
        assert read == held.get(asking.person.patient), "I16: Patient"
    assert (REDACTED in got.emergency.text) == (REDACTED in got.searched.text), "I16: what is said of redaction"
    reached = {"glass is broken"} if "emergency-access" in got.emergency.headers else set()
    return reached | {"all is open" if len(found) >= len(SECTIONS) - 1 else "a part is open"}


def nothing_hidden_is_in_the_bytes(asking: Asking) -> set[str]:
    """I14: of what neither search nor the emergency answer gives, no id and no word is in any answer."""
    found, index = asking.found(), asking.person.index
    hidden = [section for section in SECTIONS if asking.note(section) not in found]
    words = [word_of(section, index) for section in hidden]
    words += [asking.note(section).partition("/")[2] for section in hidden]
    if asking.got.emergency.status_code != 200:
        words += [word_of("name", index), word_of("address", index), asking.person.nhs_number]
    else:
        patient = asking.in_emergency_answer().get(asking.person.patient, {})
        words += [] if "address" in patient else [word_of("address", index)]
        words += [] if "name" in patient else [word_of("name", index)]
    for answer in asking.got.all():
        text = answer.text.lower() + repr(dict(answer.headers)).lower()
        told_of = [text[max(0, text.find(word) - 80) :][:160] for word in words if word in text]
        assert told_of == [], f"I14 by {answer.request.method} {answer.request.url.path}"
    return set()


def the_decision_group_is_whole_or_said_to_be_withheld(asking: Asking) -> set[str]:
    """I5: all five or none; none comes with the warning and the state to whom T1 is permitted."""
    found = asking.found()
    shown = [section for section in GROUP if asking.note(section) in found]
    assert shown in ([], list(GROUP)), f"I5: {shown}"
    if asking.got.emergency.status_code != 200:
        return set()
    slots = [
        part
        for part in asking.composition()["section"]
        if {coding["code"] for coding in part["code"]["coding"]} & set(GROUP)
    ]
    states = {_state(slot) for slot in slots}
    words = [DO_NOT_INFER in slot["text"]["div"] for slot in slots]
    assert len(slots) == 3
    if shown:
        assert "withheld-or-unavailable" not in states, "I5"
        assert not any(words), "I5"
        return set()
    assert states == {"withheld-or-unavailable"}, "I5"
    if asking.caller.role in WARNED:
        assert all(words), "I5"
    return {"the group is withheld"}


def _state(slot: Json) -> str:
    said = extension(slot, "section-state")
    assert said is not None
    return str(said["valueCode"])


def each_answer_is_written_down_once(asking: Asking) -> set[str]:
    """I8: one entry an answer, of the decision that the Bundle names, permitted where something was answered."""
    entries = list(asking.world.filed())
    for answer in asking.got.all():
        (entry,) = [one for one in entries if one.request_id == answer.headers["x-request-id"]]
        assert entry.role == asking.caller.role
        if answer.status_code == 403:
            assert (entry.permitted, entry.status) == (False, 403), "I8"
        elif answer is asking.got.emergency and answer.status_code == 200:
            assert answer.json()["identifier"]["value"] == f"urn:uuid:{entry.decision_id}", "I8"
        if answer.status_code == 200 and answer is not asking.got.searched:
            assert entry.permitted, "I8"
    assert len({one.decision_id for one in entries}) == len(entries), "I8"
    return set()


def whom_a_refusal_bars_reads_nothing(asking: Asking, consent: Provision) -> set[str]:
    """I12: after the commit of a refusal, nobody whom it bars; the holder and a proxy are barred by their own name."""
    caller, limits = asking.caller, consent.limits
    if consent.kind != "deny" or consent.nested or caller.role == "patient" or caller.glass:
        return set()
    bound = bool(limits.person) or not (caller.role == "proxy" or asking.organisation == HOLDER)
    if not bound or not (limits == Limits() or asking.names_the_caller(limits)):
        return set()
    assert not asking.found(), "I12"
    assert {answer.status_code for answer in asking.got.without_search()} <= {403, 404}, "I12"
    return {"barred" if limits == Limits() else "barred by name"}


def to_whom_all_is_refused_the_person_is_as_absent(asking: Asking, asked_for: str) -> set[str]:
    """I3: to an organisation that never had anything of a person, who refuses and who does not exist are alike."""
    if asking.found() or any(answer.is_success for answer in asking.got.without_search()):
        return set()
    there = [told(answer) for answer in asking.got.all()]
    absent = [told(answer) for answer in asking.of_nobody(asked_for).all()]
    assert there == absent, "I3"
    return {"as absent", "a claim refused as absent"} if asking.caller.claims else {"as absent"}
