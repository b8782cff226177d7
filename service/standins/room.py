"""What a control room does with what it is told: flags at addresses, and the answer for the crew of an open incident.

Flags are the whole of what stands for one subject; a flag says no more than an address, its times, and that a plan
exists. An answer replaces the one before it for the same incident.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from service.standins.moments import instant
from service.standins.outcomes import Refusal

FLAGS = frozenset({"org.epaccs.flags.set", "org.epaccs.flags.cleared"})
ANSWERED = "org.epaccs.incident.answered"
_OF_FLAG = frozenset({"address", "from", "until", "says"})
_OF_ADDRESS = frozenset({"line", "city", "postalCode", "text", "uprn"})
_SAYS = "A plan exists: ask."
_MARKUP = re.compile(r"<[^>]*>")


class Flag(msgspec.Struct, frozen=True):
    """A flag as the dispatcher's screen shows it. `since` and `until` are FHIR instants, '' for none."""

    address: str
    since: str
    until: str


class Answer(msgspec.Struct, frozen=True):
    """An answer as the dispatcher's screen shows it: each part with its title, in plain text."""

    at: str
    incident: str
    organisation: str
    parts: tuple[tuple[str, str], ...]


class Room:
    """The screen of a dispatcher."""

    def __init__(self) -> None:
        self._flags: dict[str, tuple[Flag, ...]] = {}
        self._answers: dict[str, Answer] = {}

    def take(self, event: dict[str, Any], now: datetime) -> None:
        """Take the newest event of a subject; raise Refusal for one that says more, or less, than it may."""
        data = event.get("data")
        if not isinstance(data, dict):
            raise Refusal(422, "structure", "The event has no data.", "cloudevent")
        if event["type"] in FLAGS:
            self._flags[event["subject"]] = tuple(_flag(one) for one in _list(data.get("flags")))
        else:
            self._answers[event["subject"]] = _answer(data, now)

    def standing(self, now: datetime) -> list[Flag]:
        """Return the flags that stand now, by address."""
        moment = instant(now)
        every = [one for flags in self._flags.values() for one in flags]
        holds = [one for one in every if one.since <= moment and (not one.until or moment < one.until)]
        return sorted(holds, key=lambda one: one.address)

    def answers(self) -> list[Answer]:
        """Return the answers, newest first."""
        return list(reversed(self._answers.values()))


def _flag(said: object) -> Flag:
    flag = said if isinstance(said, dict) else {}
    address = flag.get("address")
    if flag.keys() - _OF_FLAG or flag.get("says") != _SAYS or not isinstance(address, dict):
        raise Refusal(422, "security", "A flag says an address, its times, and that a plan exists.", "flag")
    if not address or address.keys() - _OF_ADDRESS:
        raise Refusal(422, "security", "An address of a flag says more than where it is.", "flag")
    lines = [*_list(address.get("line")), address.get("text"), address.get("city"), address.get("postalCode")]
    shown = ", ".join(str(line) for line in lines if line) or f"UPRN {address.get('uprn')}"
    return Flag(shown, str(flag.get("from", "")), str(flag.get("until", "")))


def _answer(data: dict[str, Any], now: datetime) -> Answer:
    bundle = data.get("answer")
    entries = _list(bundle.get("entry")) if isinstance(bundle, dict) and bundle.get("type") == "document" else []
    first = entries[0].get("resource") if entries and isinstance(entries[0], dict) else None
    if not isinstance(first, dict) or first.get("resourceType") != "Composition" or not data.get("incident"):
        raise Refusal(422, "structure", "An answer names an incident and holds a document.", "answer")
    return Answer(instant(now), str(data["incident"]), str(data.get("organization", "")), tuple(_parts(first)))


def _parts(composition: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for section in _list(composition.get("section")):
        text = section.get("text", {}).get("div", "")
        plain = " ".join(_MARKUP.sub(" ", str(text)).split())
        yield str(section.get("title", "")), plain


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
