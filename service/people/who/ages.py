"""How old people are who are near the end of life: as people in England are who die.

Two thirds of those who die are 75 or older and a third of these are 90 or older (Public Health England, *Death in
people aged 75 years and older in England in 2017*); children and young people are about one in a hundred. In care
homes people are older, in hostels and without an address much younger (people who die homeless: 45 on average, ONS).
Ages are those on a fixed day, so that a birth date depends on no clock.
"""

from __future__ import annotations

from datetime import date

from service.people.chance import Chance, spread

AS_OF = date(2026, 1, 1)
"""The day on which people have the age that was drawn."""

_Bands = tuple[tuple[int, int, float], ...]
_HOME: _Bands = (
    (0, 4, 0.5),
    (5, 11, 0.4),
    (12, 17, 0.4),
    (18, 39, 1.3),
    (40, 49, 2.2),
    (50, 59, 6.0),
    (60, 69, 14.0),
    (70, 74, 13.0),
    (75, 79, 15.2),
    (80, 84, 16.5),
    (85, 89, 16.5),
    (90, 94, 10.0),
    (95, 99, 3.4),
    (100, 105, 0.6),
)
_CARE_HOME: _Bands = (
    (50, 64, 2.0),
    (65, 74, 7.0),
    (75, 79, 11.0),
    (80, 84, 19.0),
    (85, 89, 26.0),
    (90, 94, 23.0),
    (95, 99, 10.0),
    (100, 105, 2.0),
)
_HOSTEL: _Bands = ((18, 34, 14.0), (35, 49, 40.0), (50, 64, 38.0), (65, 78, 8.0))


def _years(bands: _Bands) -> tuple[int, ...]:
    return spread(
        [(age, share / (end - first + 1)) for first, end, share in bands for age in range(first, end + 1)], 4096
    )


_TABLES = {"care-home": _years(_CARE_HOME), "hostel": _years(_HOSTEL), "no-fixed-address": _years(_HOSTEL)}
_ELSEWHERE = _years(_HOME)
_TODAY = AS_OF.toordinal()


def birth_date(chance: Chance, setting: str) -> date:
    """Draw when somebody was born who lives in a setting."""
    age = chance.one_of(_TABLES.get(setting, _ELSEWHERE))
    return date.fromordinal(_TODAY - int(age * 365.25) - chance.below(365) - 1)


def age(born: date) -> int:
    """Return the age in whole years on `AS_OF`."""
    return AS_OF.year - born.year - ((AS_OF.month, AS_OF.day) < (born.month, born.day))
