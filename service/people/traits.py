"""What makes one synthetic person's plan different from another's."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from service.people.chance import Chance, spread
from service.people.illnesses import illness_of
from service.people.localities import LOCALITIES
from service.people.who.identity import Identity
from service.people.who.shared_homes import BLOCK

CPR = ("not-for", "for", "modified", "not-discussed", "declined", "none", "conflict", "revoked", "superseded")
LEVELS = ("full", "selective", "comfort", "none")
PLACES = (
    "home",
    "hospice",
    "care-home",
    "hospital",
    "no-preference",
    "undecided",
    "declined",
    "unable",
    "not-recorded",
)
PROXIES = ("attorney", "parent", "carer")
ATTORNEYS = ("life-sustaining", "welfare", "deputy")
_YOUNGEST_WITH_DOSES = 8
MEDICINES_HELD = ("active", "on-hold", "stopped")


@dataclass(frozen=True, slots=True)
class Traits:
    """The choices behind one plan.

    `illness` is a kind of `service.people.illnesses`; None draws it. `cpr`, `level`, `place`, `attorney_for` and
    `medicines_held` are one of the words above. `modified` is for children only; `conflict` is two that disagree; a
    superseded one was replaced by another. `second_place` is whether there is a second choice of where to die.
    `sharing`: given, withdrawn or not-recorded. `allergy`: a substance, none-known or not-recorded. `medicines` is how
    many are prescribed, `box` whether they lie in the house. `advance_decision_seen`: somebody saw that it is valid.
    `care_home_code`: the care home is in the team. `bare`: not even diagnoses and wishes are on record. `proxy`: one of
    `PROXIES`, who signs in as `proxy_user`; of those who are drawn nobody has one.

    Days count back (age of the decision) or forward from now (review, authorisation). Negative ones lie in the past: a
    review is overdue, an authorisation has ended.
    """

    cpr: str = "not-for"
    level: str = "comfort"
    place: str = "home"
    sharing: str = "given"
    allergy: str = "Penicillin"
    medicines: int = 4
    box: bool = True
    attorney: bool = True
    advance_decision: bool = False
    interpreter: str | None = None
    alert: str | None = None
    decided_days_ago: int = 20
    review_in_days: int = 70
    authorised_for_days: int = 60
    illness: str | None = None
    second_place: bool = True
    attorney_for: str = "life-sustaining"
    advance_decision_seen: bool = True
    medicines_held: str = "active"
    care_home_code: str | None = None
    bare: bool = False
    proxy: str | None = None
    proxy_user: str = ""


def drawn(random: Random, who: Identity | None = None) -> Traits:
    """Draw the traits of one person; each state that a reader must tell apart occurs. Without `who`: of any adult."""
    chance = Chance(0, random.getrandbits(64), "traits")
    child = who is not None and who.age < 18
    days_ago = 1 + chance.below(120)
    return Traits(
        cpr=chance.one_of(_CPR_OF_A_CHILD if child else _CPR_OF_AN_ADULT),
        level=chance.one_of(_LEVELS),
        place=chance.one_of(_PLACES.get(who.setting if who else "", _PLACES_AT_HOME)),
        sharing="given" if chance.happens(800) else "not-recorded",
        allergy=chance.one_of(_ALLERGIES),
        # the doses written here are for adults and half-grown children
        medicines=0 if who is not None and who.age < _YOUNGEST_WITH_DOSES else chance.one_of(_HOW_MANY),
        box=chance.happens(700),
        attorney=chance.happens(420) and not child,
        advance_decision=chance.happens(80) and not child,
        interpreter=_interpreter(chance, who),
        alert=chance.one_of(_ALERTS),
        decided_days_ago=days_ago,
        review_in_days=chance.below(106) - 15,
        # an authorisation that has run out still began before it ended
        authorised_for_days=max(chance.below(86) - 5, 1 - days_ago),
        illness=illness_of(random, who) if who else None,
        second_place=chance.happens(600),
        attorney_for=chance.one_of(_ATTORNEYS),
        advance_decision_seen=chance.happens(750),
        medicines_held=chance.one_of(_HELD),
        care_home_code=_care_home_code(who),
    )


def _table(*shares: tuple[str, float]) -> tuple[str, ...]:
    return spread(shares, 1000)


_CPR_OF_AN_ADULT = _table(
    ("not-for", 57),
    ("for", 9),
    ("not-discussed", 8),
    ("declined", 4),
    ("none", 14),
    ("conflict", 2),
    ("revoked", 2),
    ("superseded", 4),
)
_CPR_OF_A_CHILD = _table(("modified", 32), ("for", 30), ("not-for", 18), ("not-discussed", 10), ("none", 10))
_LEVELS = _table(("full", 10), ("selective", 36), ("comfort", 49), ("none", 5))
_ALLERGIES = _table(
    ("none-known", 50), ("Penicillin", 20), ("Co-amoxiclav", 8), ("Latex", 7), ("Ibuprofen", 10), ("not-recorded", 5)
)
_HOW_MANY = spread(((4, 50), (3, 12), (2, 10), (0, 28)), 100)
_ATTORNEYS = _table(("life-sustaining", 70), ("welfare", 24), ("deputy", 6))
_HELD = _table(("active", 93), ("on-hold", 4), ("stopped", 3))
_PLACES_AT_HOME = _table(*zip(PLACES, (47, 21, 7, 3, 3, 9, 4, 3, 3), strict=True))
_UNSETTLED = _table(("hospice", 40), ("hospital", 12), ("home", 18), ("undecided", 20), ("declined", 10))
_PLACES = {
    "care-home": _table(("care-home", 72), ("hospice", 4), ("undecided", 8), ("unable", 12), ("not-recorded", 4)),
    "hostel": _UNSETTLED,
    "no-fixed-address": _UNSETTLED,
}
_ALERTS: tuple[str | None, ...] = spread(
    (
        (None, 84),
        ("Large dog in the house", 5),
        ("Risk of catastrophic bleed", 4),
        ("Oxygen at home, smoker in the house", 3),
        ("Risk of spinal cord compression", 2),
        ("Has fits", 2),
    ),
    100,
)
_LANGUAGES = {
    "pl": "Polish",
    "tr": "Turkish",
    "fr": "French",
    "uk": "Ukrainian",
    "el": "Greek",
    "pa": "Punjabi",
    "zh": "Mandarin",
}


def _interpreter(chance: Chance, who: Identity | None) -> str | None:
    if who and who.foreign:
        return _LANGUAGES[who.foreign.tradition.language] if chance.happens(400) else None
    return chance.one_of(("Polish", "Punjabi", "Welsh", "British Sign Language")) if chance.happens(30) else None


def _care_home_code(who: Identity | None) -> str | None:
    """Return the code of the care home that somebody lives in, the same for all its residents."""
    if who is None or who.setting != "care-home":
        return None
    return f"{LOCALITIES[who.locality].care_home_codes}{who.index // BLOCK + 100}"
