"""Family names as unevenly shared out as England's, and nobody's.

The commonest names' shares are those of deaths registered in England and Wales 1984-97, per cent (Philip Dance,
*Comparative Table of 300 Leading Surnames*, column "GRO Deaths 1984-97"): Smith 1.37, Jones 1.14, Williams 0.73,
Taylor 0.63, Brown 0.58, Davies 0.58, Evans 0.47, Thomas 0.41, Wilson 0.39, Roberts 0.38, Johnson 0.37, Robinson 0.33,
Wright 0.32, Thompson, Walker and White 0.31, Edwards, Green, Hall and Wood 0.30, Harris and Hughes 0.29. (The
electoral register of 1996 has Smith at 1.20 and Jones at 0.90.) Each share belongs here to an invented name of the
same rank.

Behind them shares fall as (rank + 40)^-1.08 (Zipf and Mandelbrot): 0.10 % at rank 100, 0.026 % at 500, and some 180,000
names in all. Names of the tail are put together from sounds, so that phonetic codes are as various as they are in life.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from service.people.chance import Chance

COMMONEST: tuple[tuple[str, float], ...] = (
    ("Smethwin", 1.37),
    ("Jorvane", 1.14),
    ("Willander", 0.73),
    ("Tayborne", 0.63),
    ("Brovick", 0.58),
    ("Davernoe", 0.58),
    ("Evanstell", 0.47),
    ("Thomwick", 0.41),
    ("Wilcombrey", 0.39),
    ("Robercroft", 0.38),
    ("Johnstead", 0.37),
    ("Rubbenfold", 0.33),
    ("Wrayquill", 0.32),
    ("Tumblethorpe", 0.31),
    ("Walkmere", 0.31),
    ("Whitsolm", 0.31),
    ("Edderwise", 0.30),
    ("Grenvold", 0.30),
    ("Hallimore", 0.30),
    ("Woodquist", 0.30),
    ("Harrowmint", 0.29),
    ("Hughbrace", 0.29),
)
"""Invented names with the per cent of people who bear the real name of that rank."""

_ONSETS = (*"B Br C Cl Cr D Dr F Fl G Gr H J K L M N P Pr R S Sh St T Th Tr V W Y Z".split(), "")
_VOWELS = ("a", "e", "i", "o", "u", "ea", "oo")
_CODAS = "ld ll m mp n nd nk r rd rk rl rm rn rv sk st t tt v x b dd g lv".split()
_ENDINGS = (
    "wick combe stead hurst dale brook worth field mere fold gate thorpe shaw croft lace quill ander evane iver "
    "ola enty umber ossy itch olm urne eld away ingle anby omer ister ulph earn ethy"
).split()
_NAMES = len(_ONSETS) * len(_VOWELS) * len(_CODAS) * len(_ENDINGS)
_STRIDE = 104_729  # a prime that shares no factor with _NAMES, so that neighbours in rank are not neighbours in sound

_DOUBLE, _PLAIN_FROM = 25, 45
"""Of a thousand names of the tail, those below the first are double-barrelled, those below the second have a prefix."""
_PREFIXES = ("O'", "Mac", "St ", "de ")
_COMMON_ENOUGH = 5_000

_BEND = 40.0
_FALL = 1.08
_FIRST = len(COMMONEST) + 0.5
_UNTIL = _NAMES + _FIRST
_ENDS = tuple(accumulate(share / 100 for _, share in COMMONEST))
_HEAD = _ENDS[-1]
_NEAR = (_FIRST + _BEND) ** (1 - _FALL)
_FAR = (_UNTIL + _BEND) ** (1 - _FALL)


def surname(chance: Chance) -> str:
    """Draw a family name."""
    drawn = chance.share()
    if drawn < _HEAD:
        return COMMONEST[bisect_right(_ENDS, drawn)][0]
    depth = (drawn - _HEAD) / (1 - _HEAD)
    rank = (_NEAR - depth * (_NEAR - _FAR)) ** (1 / (1 - _FALL)) - _BEND
    name = name_of_rank(int(rank - _FIRST))
    shape = chance.below(1000)
    if shape >= _PLAIN_FROM:
        return name
    if shape < _DOUBLE:
        return f"{name}-{name_of_rank(chance.below(_COMMON_ENOUGH))}"
    return f"{_PREFIXES[shape % len(_PREFIXES)]}{name}"


def name_of_rank(place: int) -> str:
    """Return the name at a place of the tail, from 0; each place has another."""
    left, onset = divmod(place * _STRIDE % _NAMES, len(_ONSETS))
    left, vowel = divmod(left, len(_VOWELS))
    ending, coda = divmod(left, len(_CODAS))
    return (_ONSETS[onset] + _VOWELS[vowel] + _CODAS[coda] + _ENDINGS[ending % len(_ENDINGS)]).capitalize()
