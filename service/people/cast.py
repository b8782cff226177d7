"""The named people of demo, docs and screens: what each shows. Their NHS numbers never change, nor does their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from service.people.traits import Traits
from service.people.who.contacts import Contact
from service.people.who.shared_homes import SharedHome
from service.people.who.streets import property_of
from service.people.who.traditions import TRADITIONS, Foreign

_EMPTY = Traits(
    bare=True, cpr="none", level="none", place="not-recorded", allergy="not-recorded", medicines=0, attorney=False
)
_TWINS: dict[str, Any] = {"born": date(1949, 5, 2), "home": property_of(0, 26_114), "landline": "01632 960145"}
_NEARLY = date(1947, 3, 12)
_UKRAINIAN = next(one for one in TRADITIONS if one.language == "uk")


@dataclass(frozen=True, slots=True)
class Persona:
    """One of the cast: `changes` are what their identity has of its own, `look_at` what to see of them."""

    given: str
    family: str
    gender: str
    traits: Traits
    look_at: str
    changes: dict[str, Any] = field(default_factory=dict)


CAST = (
    Persona(
        "Ada", "Testley", "female", Traits(), "a whole plan: not for CPR, comfort care at home, medicines in the house"
    ),
    Persona(
        "Bernard",
        "Sampleford",
        "male",
        Traits(cpr="for", level="selective", place="hospice"),
        "for CPR, with limits on other treatment: a ceiling is not a DNACPR",
    ),
    Persona(
        "Cora",
        "Mockham",
        "female",
        Traits(cpr="none", attorney=False),
        "an escalation plan and no CPR decision: see what the summary says of CPR",
    ),
    Persona(
        "Desmond",
        "Trialworth",
        "male",
        Traits(review_in_days=-9, decided_days_ago=100),
        "the review of the CPR decision is overdue: it still stands, and says so",
    ),
    Persona("Edith", "Modelson", "female", Traits(cpr="conflict"), "two CPR decisions that disagree: both are shown"),
    Persona("Faisal", "Demowick", "male", Traits(cpr="revoked"), "the CPR decision was revoked: none is in force"),
    Persona(
        "Greta",
        "Patterncombe",
        "female",
        Traits(place="undecided", cpr="declined"),
        "preferred place undecided, CPR: declined to discuss",
    ),
    Persona(
        "Harish",
        "Protofield",
        "male",
        Traits(sharing="withdrawn"),
        "sharing was withdrawn: ask as the ambulance, then as the GP",
    ),
    Persona(
        "Iris",
        "Specibrook",
        "female",
        Traits(sharing="not-recorded"),
        "no sharing consent recorded: served, with a prompt",
    ),
    Persona(
        "Jack",
        "Mimichurst",
        "male",
        Traits(advance_decision=True, allergy="Latex"),
        "an advance decision to refuse ventilation, and an attorney",
    ),
    Persona(
        "Kamala",
        "Exempldale",
        "female",
        Traits(interpreter="Punjabi", alert="Large dog in the house"),
        "needs an interpreter, and there is a safety alert",
    ),
    Persona(
        "Leonard",
        "Placeholdstead",
        "male",
        Traits(authorised_for_days=-3, box=False, allergy="none-known"),
        "the authorisation of the anticipatory medicines has ended, and no box is recorded",
        {"born": _NEARLY},
    ),
    Persona(
        "Mabel",
        "Demostead",
        "female",
        _EMPTY,
        "a plan with almost nothing in it: see which sections say so",
        {"contacts": ()},
    ),
    Persona(
        "Nesta",
        "Trialbrook",
        "female",
        Traits(illness="frailty"),
        "a twin, not for CPR: her sister has the same family name, birth date and address",
        _TWINS,
    ),
    Persona(
        "Olwen",
        "Trialbrook",
        "female",
        Traits(cpr="for", level="full", medicines=0, illness="heart"),
        "the other twin, for CPR: see that it is she before you read on",
        _TWINS,
    ),
    Persona(
        "Percy",
        "Mockhurst",
        "male",
        Traits(
            illness="liver",
            place="hospice",
            level="selective",
            attorney=False,
            medicines=2,
            box=False,
            proxy="carer",
            proxy_user="zz-proxy-howard",
        ),
        "no fixed address: found by name and birth date, or by a friend's telephone; the friend may read a little",
        {
            "setting": "no-fixed-address",
            "home": None,
            "landline": None,
            "with_uprn": False,
            "born": date(1974, 8, 30),
            "contacts": (Contact("Howard", "Protocombe", "FRND", "07700 900462", "mobile"),),
        },
    ),
    Persona(
        "Rhys",
        "Samplecombe",
        "male",
        Traits(
            cpr="modified",
            level="selective",
            illness="childhood",
            attorney=False,
            allergy="none-known",
            proxy="parent",
            proxy_user="zz-proxy-laura",
        ),
        "a child with modified CPR: airway and breathing support, no chest compressions",
        {
            "born": date(2017, 4, 12),
            "usual": "Rhys",
            "contacts": (
                Contact("Laura", "Samplecombe", "MTH", "07700 900512", "mobile"),
                Contact("Gethin", "Samplecombe", "FTH", "07700 900513", "mobile"),
            ),
        },
    ),
    Persona(
        "Violet",
        "Patternhurst",
        "female",
        Traits(
            illness="dementia",
            place="care-home",
            care_home_code="ZZCH01",
            proxy="attorney",
            proxy_user="zz-proxy-attorney",
        ),
        "lives in a care home, which is in her care team: its staff keep the medicines",
        {
            "setting": "care-home",
            "shared": SharedHome("Beechmere Lodge", property_of(0, 40_000), "01632 960160"),
            "home": property_of(0, 40_000),
            "landline": "01632 960160",
            "born": date(1936, 10, 4),
        },
    ),
    Persona(
        "Walter",
        "Specidale",
        "male",
        Traits(illness="lung", level="selective"),
        "of the second locality: its practice ZZGP02 and hospice ZZHSP2, another number to call",
        {"locality": 1, "home": property_of(1, 9_000), "landline": "01632 960172"},
    ),
    Persona(
        "Una",
        "Exemplworth",
        "female",
        Traits(cpr="superseded"),
        "for CPR at first, replaced by not for CPR: only the later one speaks",
    ),
    Persona(
        "Leonard",
        "Placeholdstead",
        "male",
        Traits(cpr="for", level="full", medicines=0),
        "another Leonard Placeholdstead, born three days later: who is meant?",
        {"born": _NEARLY.replace(day=15)},
    ),
    Persona(
        "Oksana",
        "Luchenyuk",
        "female",
        Traits(interpreter="Ukrainian", place="hospice", illness="cancer"),
        "a name on record in two scripts, and an interpreter",
        {"foreign": Foreign(_UKRAINIAN, "Oksana", "Оксана", "Luchenyuk", "Лученюк")},
    ),
    Persona(
        "Stanley",
        "Modelfield",
        "male",
        Traits(
            cpr="not-discussed",
            level="full",
            advance_decision=True,
            advance_decision_seen=False,
            attorney_for="welfare",
            medicines_held="on-hold",
            box=False,
        ),
        "CPR not discussed, an advance decision nobody has checked, medicines on hold",
    ),
)
