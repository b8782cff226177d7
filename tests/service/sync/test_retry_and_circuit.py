"""Pauses are random within their bounds and keep what a partner asks for; a circuit lets one probe through when due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import errors
from adapters.partners import Limits
from service.sync.circuit import OPENS_AFTER, Circuit
from service.sync.retry import Class, class_of, pause, reason_of, retry_after_of

_part = st.floats(0, 1)
_asked = st.none() | st.floats(0, 1e9)
_limits = st.builds(Limits, retry_base=st.floats(0.1, 10), retry_cap=st.floats(10, 3_600))
DAY = 86_400.0

KINDS = {
    errors.Unreachable("x"): Class.BACK_OFF,
    errors.Overloaded(): Class.BACK_OFF,
    errors.Unintelligible("x"): Class.BOUNDED,
    errors.Faulty(): Class.BOUNDED,
    errors.NotAuthorised(): Class.PARTNER,
    errors.NotThere(): Class.STOP,
    errors.Conflict(): Class.STOP,
    errors.ContentRefused(): Class.STOP,
    errors.Refused(): Class.STOP,
}


@pytest.mark.parametrize("error", [one for one in KINDS if type(one) is not errors.Refused])
def test_every_fact_has_a_class_and_a_sentence(error: errors.OutsideError) -> None:
    assert class_of(error) is KINDS[error]
    assert reason_of(error).endswith(".")


@given(attempt=st.integers(1, 10_000), limits=_limits, asked=_asked, part=_part)
def test_a_pause_is_within_its_bounds(attempt: int, limits: Limits, asked: float | None, part: float) -> None:
    seconds = pause(attempt, limits, asked, lambda: part)
    most = min(limits.retry_cap, limits.retry_base * 2.0 ** min(attempt - 1, 60))
    assert seconds >= min(asked or 0.0, DAY)
    assert seconds <= max(most, min(asked or 0.0, DAY))
    if not asked:
        assert seconds == pytest.approx(part * most)


def test_only_a_refusal_can_ask_to_wait() -> None:
    assert retry_after_of(errors.Overloaded(retry_after=7.0)) == 7.0
    assert retry_after_of(errors.Overloaded()) is None
    assert retry_after_of(errors.Unreachable("x")) is None


@given(
    answers=st.lists(st.sampled_from(["fails", "asks to wait", "refuses the sign-in", "answers", "tells nothing"])),
    steps=st.lists(st.floats(0, 400), min_size=1),
)
def test_an_open_circuit_lets_one_probe_through_when_it_is_due(answers: list[str], steps: list[float]) -> None:
    """Whatever the partner answers; while it is closed everything goes through."""
    circuit, now, failures = Circuit(Limits(), lambda: 1.0), 0.0, 0
    for number, answer in enumerate(answers):
        now += steps[number % len(steps)]
        if not circuit.lets_through(now):
            assert circuit.is_open
            assert now < circuit.retry_at
            continue
        probing = circuit.is_open
        circuit.begun()
        assert circuit.lets_through(now) is not probing
        if answer == "answers":
            circuit.succeeded()
            failures = 0
            assert not circuit.is_open
        elif answer == "tells nothing":
            circuit.given_up()
            assert circuit.is_open == probing
        else:
            failures += 1
            asked = 50.0 if answer == "asks to wait" else None
            circuit.failed(now, "Away.", asked, at_once=answer == "refuses the sign-in")
            told = answer != "fails"
            assert circuit.is_open == (probing or told or failures >= OPENS_AFTER)
            if circuit.is_open:
                assert now + (asked or 0.0) <= circuit.retry_at <= now + max(Limits().retry_cap, asked or 0.0)
                circuit_was = circuit.retry_at
                assert not circuit.lets_through(circuit_was - 0.01)
                assert circuit.lets_through(circuit_was)


def test_somebody_can_have_it_tried_now() -> None:
    circuit = Circuit(Limits(), lambda: 1.0)
    circuit.failed(0.0, "Away.", at_once=True)
    assert not circuit.lets_through(0.1)
    circuit.try_now()
    assert circuit.lets_through(0.1)
