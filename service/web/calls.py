"""Whom a crew can call now, and how a number that people wrote down becomes one that a telephone dials. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from service.plan.rota import Answering
from service.plan.statements import CALL_NOW
from service.web.reading import Part

_WRITTEN = re.compile(r"\s*(\+?)([0-9\s().\u2010-\u2015-]*)")
_EXTENSION = re.compile(r"[\s,]*(?:ext(?:ension|n)?|x)[\s.:]*([0-9]{1,8})\b", re.IGNORECASE)
_NAME = re.compile(r", (?!ext)", re.IGNORECASE)
_TRUNK = re.compile(r"\(0\)")
_FEWEST, _MOST, _MOST_NATIONAL = 3, 15, 11
"""Digits of `111`, of any number (ITU-T E.164), of a national one with its leading 0. More are two, or a range."""


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody to call: the number as it was recorded, who answers there, until when."""

    number: str
    who: str
    note: str = ""


def dial(text: str) -> str:
    """Return a recorded number for a `tel:` address (https://www.rfc-editor.org/rfc/rfc3966), '' for what is none.

    What is read stops at the first letter, so that words are never dialled; an extension behind it is kept as such. The
    `(0)` of `+44 (0)` is not dialled.
    """
    written = _WRITTEN.match(text)
    assert written is not None  # it matches the empty text as well
    plus, body = written.groups()
    if plus or body.startswith("00"):
        body = _TRUNK.sub("", body)
    digits = re.sub(r"[^0-9]", "", body)
    national = not plus and digits.startswith("0") and not digits.startswith("00")
    if not _FEWEST <= len(digits) <= (_MOST_NATIONAL if national else _MOST):
        return ""
    extension = _EXTENSION.match(text, written.end())
    return f"{plus}{digits}{f';ext={extension[1]}' if extension else ''}"


def calls_of(part: Part, answering: Answering | None) -> tuple[tuple[Call, ...], str]:
    """Return whom to call now: who is open by the rota, then whoever the plan says answers day and night.

    With it goes what must be said beside them, or instead: that contacts are withheld or none are recorded, that the
    rota could not be read, that nobody is known to answer. What is withheld never reads as none (sharing rule 5.4).
    """
    calls = [Call(one.number, one.service, one.until_words) for one in (answering.open_now if answering else ())]
    for item in part.items:
        lead, _, rest = item.title.partition(": ")
        if lead == CALL_NOW:
            number, *who = _NAME.split(rest, maxsplit=1)
            calls.append(Call(number, "".join(who) or "Advice line of the care team", "24 hours"))
    said = []
    if not part.recorded and (part.state != "not-recorded" or not calls):
        said.append(f"{' '.join(part.words)}.")
    if answering and answering.unread:
        said.append("WHO ANSWERS NOW COULD NOT BE READ.")
    elif not calls and (answering or part.recorded):
        said.append("NO NUMBER IS KNOWN TO BE OPEN NOW.")
        if answering and answering.next_words:
            said.append(f"Next: {answering.next_words}.")
    if not calls and part.recorded:
        said.append("Contacts: see Details.")
    return tuple(calls), " ".join(said)
