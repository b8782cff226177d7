"""How a stand-in behaves now: well, or badly in one of the ways in which partners do."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec


class Word(StrEnum):
    """What can be said to a stand-in."""

    OK = "OK"
    DOWN = "DOWN"
    """503 to every request, or with `how` refused the connection itself."""
    SLOW = "SLOW"
    """Each request waits `seconds` before it is looked at."""
    DUPLICATING = "DUPLICATING"
    """Each request has its effect and the connection ends without an answer, so that careless senders send twice."""
    REORDERING = "REORDERING"
    """A request waits until the next one is done, `seconds` at most."""
    WRONG = "WRONG"
    """Each request has its effect and the answer is not what the protocol promises; `how` says which way."""
    RATE = "RATE"
    """429 with Retry-After `seconds`."""


WRONG_WAYS = ("content-type", "truncated", "person", "outcome")
"""Wrong answers: another content type; JSON cut short; somebody else in a search for a person; an OperationOutcome of
an error with 200. Without `how` they take turns."""
DOWN_WAYS = ("503", "refused")
_SECONDS = {Word.SLOW: 5.0, Word.REORDERING: 2.0, Word.RATE: 1.0}

How = Literal["", "503", "refused", "content-type", "truncated", "person", "outcome"]


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command. `seconds` None is the word's own; `times` is for how many requests it holds, 0 until the next word."""

    word: Word
    how: How = ""
    seconds: float | None = None
    times: int = 0

    def problem(self) -> str | None:
        """Return what is wrong with the command, None when nothing is."""
        ways = {Word.DOWN: DOWN_WAYS, Word.WRONG: WRONG_WAYS}.get(self.word, ())
        if self.how and self.how not in ways:
            return f"{self.word} goes with {', '.join(ways)}." if ways else f"{self.word} has no further ways."
        if self.seconds is not None and not 0 <= self.seconds <= 3600:
            return "seconds are 0 to 3600."
        return None if 0 <= self.times <= 1_000_000 else "times are 0 to a million."


class Behaviour:
    """The command in force. `holding`: a request is held back now."""

    def __init__(self) -> None:
        self.said = Said(Word.OK)
        self.holding = False
        self._left = 0
        self._turn = -1

    def say(self, said: Said) -> None:
        """Take a command."""
        self.said, self._left, self._turn = said, said.times, -1

    def take(self) -> Said:
        """Return the command for one request, and count the request."""
        said = self.said
        if self._left:
            self._left -= 1
            if not self._left:
                self.said = Said(Word.OK)
        if said.word is Word.WRONG and not said.how:
            self._turn = (self._turn + 1) % len(WRONG_WAYS)
            return msgspec.structs.replace(said, how=WRONG_WAYS[self._turn])
        return said


def seconds_of(said: Said) -> float:
    """Return the seconds of a command."""
    return said.seconds if said.seconds is not None else _SECONDS.get(said.word, 0.0)
