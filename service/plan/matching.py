"""Who may be meant: the keys that people are looked for by, and how well a person found fits what was said.

Keys point, and no more. Each joins two things that are known of a person, never one alone, so that none leads to many
(architecture, section 4); what many may share, as a place, a telephone or a common name, is spread over several keys.
Everyone whom a key leads to is compared with what was said, on plaintext, and graded after FHIR's `match-grade`:

    certain             the NHS number, or another number, and nothing that contradicts it
    probable            name and birth date both, or one of them and the dwelling or telephone
    possible            enough that a person should look; with a contradiction, at best this
    certainly-not       not shown

A grade is never a decision. Whoever asked picks from what is shown, and `certain` is given to one person at most: if
two would have it, both are probable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import NamedTuple, TypeVar

from service.plan import spelling
from service.plan.particulars import Dwelling, Particulars

SPREAD = 16
"""Keys over which the people of one address, telephone or place are spread, by their record's id."""
SOUNDS_SPREAD = 4
"""The same for those who sound alike and were born in one year: of the commonest names, forty among 100,000."""
MOST_KEYS = 400
"""A question makes no more keys than this."""


class Key(NamedTuple):
    """A way to a person: a kind of pair, and the pair in one form. Kept as a keyed hash only."""

    kind: str
    value: str


class Grade(IntEnum):
    """How well a person fits; `code` is that of FHIR's `match-grade`."""

    CERTAINLY_NOT = 0
    POSSIBLE = 1
    PROBABLE = 2
    CERTAIN = 3

    @property
    def code(self) -> str:
        """The code of FHIR's `match-grade`."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class Fit:
    """How one person fits: grade, score from 0 to 1 (order within a grade), and what agreed and what did not."""

    grade: Grade
    score: float
    agrees: tuple[str, ...]
    contradicts: tuple[str, ...]


def keys_of(person: Particulars, bucket: int) -> frozenset[Key]:
    """Return the keys that lead to a person; `bucket` is their record's place among `SPREAD`.

    A person with a flag for protected location has none: that is the caller's to know (rule 5.6).
    """
    found: set[Key] = set()
    whole_day = len(person.born) == 10
    names = sorted({full for given in (*person.givens, *person.called) for full in spelling.full_names(given)})
    for family in person.families:
        if whole_day:
            found.add(Key("family-born", f"{family}|{person.born}"))
        if person.year:
            found |= {
                Key("sound-year", f"{spelling.sound(family)}|{initial}|{person.year}|{bucket % SOUNDS_SPREAD}")
                for initial in {name[0] for name in names}
            }
        found |= {
            Key("family-street", f"{family}|{dwelling.street}") for dwelling in person.dwellings if dwelling.street
        }
    if whole_day:
        found |= {Key("given-born", f"{name}|{person.born}") for name in names}
    for value in _of_dwellings(person.dwellings):
        found.add(Key("dwelling", f"{value}|{bucket}"))
    found |= {Key("telephone", f"{number}|{bucket}") for number in person.telephones}
    places = {dwelling.town for dwelling in person.dwellings if dwelling.town}
    found |= {Key("called-place", f"{name}|{town}|{bucket}") for name in person.called for town in places}
    return frozenset(found)


def keys_for(asked: Particulars) -> list[Key]:
    """Return the keys under which whoever is meant may be found, likeliest first; empty when too little was said."""
    found: dict[Key, None] = {}
    names = sorted({full for given in (*asked.givens, *asked.called) for full in spelling.full_names(given)})
    days = list(_days_near(asked.born)) if len(asked.born) == 10 else []
    for family in asked.families:
        found |= {Key("family-born", f"{family}|{day}"): None for day in days}
        found |= {
            Key("family-street", f"{family}|{dwelling.street}"): None for dwelling in asked.dwellings if dwelling.street
        }
    found |= {Key("given-born", f"{name}|{day}"): None for name in names for day in days[:2]}
    years = range(asked.year - asked.years_off, asked.year + asked.years_off + 1) if asked.year else ()
    for family in asked.families:
        for initial in sorted({name[0] for name in names}):
            found |= {
                Key("sound-year", f"{spelling.sound(family)}|{initial}|{year}|{bucket}"): None
                for year in years
                for bucket in range(SOUNDS_SPREAD)
            }
    spread = [
        *(("dwelling", value) for value in _of_dwellings(asked.dwellings)),
        *(("telephone", number) for number in asked.telephones),
        *(
            ("called-place", f"{name}|{dwelling.town}")
            for name in (*asked.called, *asked.givens)
            for dwelling in asked.dwellings
            if dwelling.town
        ),
    ]
    found |= {Key(kind, f"{value}|{bucket}"): None for kind, value in spread for bucket in range(SPREAD)}
    return list(found)[:MOST_KEYS]


def bucket_of(record_id: bytes) -> int:
    """Return the place of a record among `SPREAD`."""
    return record_id[0] % SPREAD


def lives_at(some: Sequence[Dwelling], others: Sequence[Dwelling]) -> bool:
    """Say whether two lists of dwellings share a door."""
    return _dwelling(some, others) == 3


def fit(asked: Particulars, person: Particulars) -> Fit:
    """Compare what was said with a person."""
    agrees: list[str] = []
    contradicts: list[str] = []
    number = _number(asked, person)
    name = _name(asked, person)
    born = _born(asked, person)
    home = _dwelling(asked.dwellings, person.dwellings)
    telephone = bool(set(asked.telephones) & set(person.telephones))
    for what, level in (("number", number), ("name", name), ("birth date", born), ("dwelling", home)):
        if level > 0:
            agrees.append(what)
        elif level < 0:
            contradicts.append(what)
    if telephone:
        agrees.append("telephone")
    if (
        asked.gender
        and person.gender
        and asked.gender != person.gender
        and "unknown"
        not in (
            asked.gender,
            person.gender,
        )
    ):
        contradicts.append("gender")
    score = sum(max(level, 0) for level in (number * 4, name, born, home)) + 2 * telephone - 2 * len(contradicts)
    return Fit(
        _grade(number, name, born, max(home, 3 if telephone else 0), len(contradicts)),
        round(min(max(score, 0) / 14, 1.0), 3),
        tuple(agrees),
        tuple(contradicts),
    )


_One = TypeVar("_One")


def ranked(fits: Iterable[tuple[_One, Fit]]) -> list[tuple[_One, Fit]]:
    """Return those who may be meant, best first; of several who are certain none is (see the module)."""
    shown = [one for one in fits if one[1].grade > Grade.CERTAINLY_NOT]
    certain = [one for one in shown if one[1].grade is Grade.CERTAIN]
    if len(certain) > 1:
        shown = [
            (person, Fit(min(found.grade, Grade.PROBABLE), found.score, found.agrees, found.contradicts))
            for person, found in shown
        ]
    return sorted(shown, key=lambda one: (-one[1].grade, -one[1].score))


def _grade(number: int, name: int, born: int, home: int, contradictions: int) -> Grade:
    """Join the levels of agreement: 3 the same, 2 nearly, 1 consistent, 0 not known, -1 contradicted."""
    if number > 0:
        return Grade.CERTAIN if contradictions == 0 else Grade.PROBABLE if max(name, born) >= 2 else Grade.POSSIBLE
    probable = (name >= 2 and born == 3) or (name == 3 and born == 2) or (home == 3 and max(name, born) == 3)
    if probable and contradictions == 0:
        return Grade.PROBABLE
    agreeing = sum(level >= 2 for level in (name, born, home))
    consistent = sum(level >= 1 for level in (name, born, home))
    if agreeing >= 2 or (agreeing >= 1 and consistent >= 2 and contradictions == 0):
        return Grade.POSSIBLE
    # An address or a telephone by itself tells of a place, not of a person.
    return Grade.CERTAINLY_NOT


def _number(asked: Particulars, person: Particulars) -> int:
    if asked.nhs_number and asked.nhs_number == person.nhs_number:
        return 1
    if set(asked.elsewhere) & set(person.elsewhere):
        return 1
    return -1 if asked.nhs_number and person.nhs_number else 0


def _name(asked: Particulars, person: Particulars) -> int:
    """Compare names: 3 family and given the same, 2 nearly, 1 one of them, 0 not said, -1 contradicted."""
    family = _closest(asked.families, person.families, lambda one: frozenset({one}))
    given = _closest((*asked.givens, *asked.called), (*person.givens, *person.called), spelling.full_names)
    if family is None and given is None:
        return 0
    if given is None:
        return family if family is not None and family > 0 else -1 if family is not None else 0
    if family is None:
        # A nickname is rarer than a name, and for some people all that anybody knows.
        return 2 if set(asked.called) & set(person.called) else 1 if given > 0 else -1
    if family < 0 and given < 0:
        return -1
    if given < 0:
        return -1  # a twin, a spouse, a parent
    if family < 0:
        return 1 if given >= 2 else -1  # married, perhaps
    return min(family, given)


def _closest(asked: Sequence[str], known: Sequence[str], forms: Callable[[str], frozenset[str]]) -> int | None:
    """Return how near the nearest two names are: 3 the same, 2 alike, 1 an initial, -1 other; None where not known."""
    if not asked or not known:
        return None
    best = -1
    for one in asked:
        for other in known:
            if forms(one) & forms(other):
                return 3
            if len(one) == 1 or len(other) == 1:
                best = max(best, 1 if one[0] == other[0] else -1)
            elif spelling.alike(one, other):
                best = max(best, 2)
    return best


def _born(asked: Particulars, person: Particulars) -> int:
    """Compare birth dates: 3 the same day, 2 a slip, 1 consistent, 0 not known, -1 contradicted."""
    if not asked.born or not person.born:
        return 0
    if asked.born == person.born and len(asked.born) == 10:
        return 3
    if len(asked.born) == 10 and len(person.born) == 10:
        if person.born in set(_days_near(asked.born)):
            return 2
    elif asked.born.startswith(person.born) or person.born.startswith(asked.born):
        return 1
    off = max(asked.years_off, person.years_off)
    return 1 if off and abs(asked.year - person.year) <= off else -1


def _dwelling(asked: Sequence[Dwelling], known: Sequence[Dwelling]) -> int:
    """Compare dwellings: 3 the same door, 2 the same street in the place, 1 the same postcode or town, 0 otherwise."""
    best = 0
    for one in asked:
        for other in known:
            if one.uprn and one.uprn == other.uprn:
                return 3
            same_code = bool(one.postcode) and one.postcode == other.postcode
            same_street = bool(one.street) and one.street == other.street
            same_town = bool(one.town) and one.town == other.town
            if one.house and one.house == other.house and (same_code or (same_street and same_town)):
                return 3
            if same_street and (same_code or same_town or not (one.town and other.town)):
                best = max(best, 2)
            elif same_code or same_town:
                best = max(best, 1)
    return best


def _of_dwellings(dwellings: Iterable[Dwelling]) -> Iterator[str]:
    for dwelling in dwellings:
        if dwelling.uprn:
            yield f"uprn {dwelling.uprn}"
        if dwelling.postcode and dwelling.house:
            yield f"{dwelling.postcode} {dwelling.house}"


def _days_near(born: str) -> Iterator[str]:
    """Yield a birth date, the one with day and month exchanged, and those with one digit different; real days only."""
    year, month, day = born.split("-")
    yield born
    candidates = [f"{year}-{day}-{month}"]
    for place, digit in enumerate(born):
        if digit.isdigit():
            candidates += [f"{born[:place]}{other}{born[place + 1 :]}" for other in "0123456789" if other != digit]
    seen = {born}
    for candidate in candidates:
        if candidate not in seen and _is_day(candidate):
            seen.add(candidate)
            yield candidate


def _is_day(text: str) -> bool:
    try:
        return 1880 <= date.fromisoformat(text).year <= 2100
    except ValueError:
        return False
