"""What happened while a partner was away: kept on the board, so that one screen can tell it afterwards. Pure.

A partner is away from when its circuit opens until it next answers as it should. What waited when it came back went out
since, and the counts at the beginning say how much that was. If the process that serves changes meanwhile, the absence
goes on: the next process finds it on the board.
"""

from __future__ import annotations

import msgspec

from service.sync.board import Absence, PartnerState

MOST_ABSENCES = 50


def follow(state: PartnerState, succeeded: str) -> None:
    """Begin, continue or end the absence, from a state that is otherwise as it is now.

    `succeeded` is when the partner answered as it should since this was called last (FHIR instant), '' for never.
    """
    waiting = sum(state.waiting.values())
    last = state.absences[-1] if state.absences else None
    away = last is not None and not last.ended
    if last is not None and away:
        ended = succeeded if not state.circuit else ""
        state.absences[-1] = msgspec.structs.replace(last, ended=ended, most=max(last.most, waiting))
    elif state.circuit:
        began = Absence(state.circuit_since, "", state.circuit, waiting, state.given, state.removed, state.taken)
        state.absences = [*state.absences[-(MOST_ABSENCES - 1) :], began]


def came_through(state: PartnerState, place: int) -> tuple[int, int, int]:
    """Return how much was given, removed and taken in between one absence (by its place) and the next, or now."""
    since = state.absences[place]
    if place + 1 < len(state.absences):
        until = state.absences[place + 1]
        return until.given - since.given, until.removed - since.removed, until.taken - since.taken
    return state.given - since.given, state.removed - since.removed, state.taken - since.taken
