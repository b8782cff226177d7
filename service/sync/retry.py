"""What is to be done about a failure, by the table that holds for every adapter. Pure.

    stop         400, 404, 409, 412, 422, an answer that says no: nothing is sent again before a person looked
    bounded      500, what cannot be understood: three tries, then a person looks
    back off     408, 425, 429, 502, 503, 504, no connection: for as long as it takes, ever more seldom
    partner      401, 403, an address that is refused: no message is at fault; the partner rests until that is mended
    not sent     we are shut, or the partner's lease is another's: as soon as that is over

Repeating is exponential with full jitter (a random part of the pause, so that lanes do not come all at once), never
longer than the partner's cap, never sooner than its Retry-After asks.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from adapters import errors
from adapters.partners import Limits

MOST_TRIES = 3
"""Tries of what is bounded."""
_MOST_DOUBLINGS = 20


class Class(StrEnum):
    """What is to be done about a failure."""

    STOP = "stop"
    BOUNDED = "bounded"
    BACK_OFF = "back-off"
    PARTNER = "partner"


def class_of(error: errors.OutsideError) -> Class:
    """Return what is to be done about a fact of the outside."""
    if isinstance(error, errors.NotAuthorised | errors.AddressRefused):
        return Class.PARTNER
    if isinstance(error, errors.Unreachable | errors.Overloaded):
        return Class.BACK_OFF
    if isinstance(error, errors.Unintelligible | errors.Faulty):
        return Class.BOUNDED
    return Class.STOP


REASONS: dict[type[errors.OutsideError], str] = {
    errors.AddressRefused: "The partner's address is not one that may be sent to.",
    errors.PersonUnknown: "The partner's system does not know the person.",
    errors.NumberInvalidated: "The NHS number of the person was declared invalid.",
    errors.ChangedThere: "The partner changed what it holds; nothing was overwritten.",
    errors.OtherPerson: "Whom the partner knows by this NHS number may be somebody else.",
    errors.NotTakenBack: "What was sent cannot be taken back from there: ask them to remove it.",
    errors.Unsendable: "The mapping has no words for it.",
    errors.Unreachable: "The partner's system could not be reached.",
    errors.Unintelligible: "The partner's system answered with something that its protocol does not allow.",
    errors.NotAuthorised: "The partner's system does not accept our sign-in.",
    errors.NotThere: "The partner's system does not have what was to be changed.",
    errors.Conflict: "The partner's system holds something that was changed there, or disagrees.",
    errors.ContentRefused: "The partner's system refused what was sent.",
    errors.Overloaded: "The partner's system cannot take it now.",
    errors.Faulty: "The partner's system failed.",
}
"""Each fact as a plain sentence for people; none of them holds anything of the message."""


def reason_of(error: errors.OutsideError) -> str:
    """Return a fact as a plain sentence."""
    return next(REASONS[kind] for kind in type(error).__mro__ if kind in REASONS)


def retry_after_of(error: errors.OutsideError) -> float | None:
    """Return the seconds that the partner asks to wait, None where it asks nothing."""
    return error.retry_after if isinstance(error, errors.Refused) else None


def pause(attempt: int, limits: Limits, retry_after: float | None, part: Callable[[], float]) -> float:
    """Return the seconds to wait after `attempt` tries (1 and on); `part` returns a random number from 0 to 1.

    What a partner asks for is kept, up to a day: it may ask for more than the cap.
    """
    doubled: float = limits.retry_base * 2 ** min(attempt - 1, _MOST_DOUBLINGS)
    jittered = part() * min(limits.retry_cap, doubled)
    return max(jittered, min(retry_after or 0.0, 86_400.0))
