"""Who answers now: from the hours of the services that cover a person, the one to call at this moment, and until when.

Hours are those of FHIR's HealthcareService (https://hl7.org/fhir/R4/healthcareservice.html): weekdays, from, until, in
London time. Two things FHIR leaves open are settled here. An end at or before its start is on the next day. On a bank
holiday the hours of its weekday hold, unless our extension `bank-holidays` says that they do not (`excluded`), or that
they are for bank holidays alone, whatever the weekday (`only`).

Where clocks go forward, an hour that does not exist is the one after it; where they go back, the first of the two
counts, so that nobody is sent to a line that may have closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from security.clock import LONDON
from service.plan import vocabulary as v
from service.plan.bank_holidays import ENGLAND
from service.plan.elements import Resource, extension, phones
from service.plan.times import span_of

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_AHEAD = 8
"""Days that are looked ahead: a week and a day, so that the same hour next week is found."""
_INCLUDED, _ONLY = "included", "only"


@dataclass(frozen=True, slots=True)
class Hours:
    """When a service answers: weekdays (Monday is 0), from, until. `holidays`: included, excluded or only."""

    days: frozenset[int]
    start: time
    end: time
    holidays: str = _INCLUDED

    def on(self, day: date) -> bool:
        """Say whether these hours begin on a day."""
        holiday = day in ENGLAND
        if self.holidays == _ONLY:
            return holiday
        return day.weekday() in self.days and (not holiday or self.holidays == _INCLUDED)


@dataclass(frozen=True, slots=True)
class Cover:
    """A service that covers somebody: what it is called, its number, its hours, and when it does not answer at all."""

    service: str
    number: str
    hours: tuple[Hours, ...]
    closed: tuple[tuple[datetime, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class OpenNow:
    """A service that answers at `now`. `until` is None when it answers for the whole week to come."""

    service: str
    number: str
    now: datetime
    until: datetime | None

    @property
    def until_words(self) -> str:
        """Until when, in words."""
        if self.until is None:
            return "24 hours"
        until = self.until.astimezone(LONDON)
        far = self.until - self.now >= timedelta(days=1)
        return f"until {f'{_NAMES[until.weekday()]} ' if far else ''}{until:%H:%M}"


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers at a moment, longest first; when nobody does, who is next. `unread`: it could not be found out."""

    open_now: tuple[OpenNow, ...]
    next: tuple[datetime, Cover] | None = None
    unread: bool = False

    @property
    def next_words(self) -> str:
        """Who opens next and when, in words; empty when somebody answers now or nobody ever does."""
        if self.next is None:
            return ""
        opens, cover = self.next[0].astimezone(LONDON), self.next[1]
        return f"{cover.service}, {cover.number}, from {_NAMES[opens.weekday()]} {opens:%H:%M}"


def who_answers(covers: Iterable[Cover], now: datetime) -> Answering:
    """Return who answers at a moment."""
    opened: list[OpenNow] = []
    coming: list[tuple[datetime, Cover]] = []
    horizon = now + timedelta(days=_AHEAD - 1)
    for cover in covers:
        until = now
        for start, end in sorted(_spans(cover, now)):
            if start <= until < end:
                until = end
            elif start > now:
                coming.append((start, cover))
                if start > until:
                    break
        if until > now:
            opened.append(OpenNow(cover.service, cover.number, now, None if until >= horizon else until))
    if opened:
        opened.sort(key=lambda one: (one.until is not None, -(one.until or now).timestamp(), one.service))
        return Answering(tuple(opened))
    return Answering((), min(coming, key=lambda one: (one[0], one[1].service), default=None))


def covers_of(services: Iterable[Resource]) -> list[Cover]:
    """Return what HealthcareServices of the shared directory say. Without a number, or out of use, one says nothing."""
    return [
        Cover(str(one.get("name") or "Service"), numbers[0], tuple(_hours(one)), tuple(_closed(one)))
        for one in services
        if one.get("active") is not False and (numbers := phones(one.get("telecom")))
    ]


def _spans(cover: Cover, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield when a service answers, from yesterday's hours on, without what its closures cut away."""
    today = now.astimezone(LONDON).date()
    for offset in range(-1, _AHEAD):
        day = today + timedelta(days=offset)
        for hours in cover.hours:
            if hours.on(day):
                last = day if hours.end > hours.start else day + timedelta(days=1)
                yield from _without(cover.closed, _at(day, hours.start), _at(last, hours.end))


def _without(
    closed: tuple[tuple[datetime, datetime], ...], start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield what is left of a span."""
    for shut, opens in closed:
        if shut < end and opens > start:
            if start < shut:
                yield from _without(closed, start, shut)
            if opens < end:
                yield from _without(closed, opens, end)
            return
    yield start, end


def _at(day: date, moment: time) -> datetime:
    return datetime.combine(day, moment, LONDON).astimezone(UTC)


def _hours(service: Resource) -> Iterator[Hours]:
    for one in service.get("availableTime", ()):
        named = frozenset(_DAYS.index(day) for day in one.get("daysOfWeek", ()) if day in _DAYS)
        holidays = str((extension(one, v.BANK_HOLIDAYS) or {}).get("valueCode") or _INCLUDED)
        days = named or frozenset(range(7))
        if one.get("allDay") is True:
            yield Hours(days, time(), time(), holidays)
        elif one.get("availableStartTime") and one.get("availableEndTime"):
            start, end = (time.fromisoformat(str(one[f"available{which}Time"])) for which in ("Start", "End"))
            yield Hours(days, start, end, holidays)


def _closed(service: Resource) -> Iterator[tuple[datetime, datetime]]:
    for one in service.get("notAvailable", ()):
        during = one.get("during") or {}
        first, last = span_of(during.get("start")), span_of(during.get("end"))
        if first and last:
            yield first.earliest, last.latest
