"""Generated callers and sharing Consents, as they are sent over the public API; Consents that say what cannot be meant
are among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from fhir_profiles.canonical import code_system
from fhir_profiles.identifiers import ODS_SYSTEM
from service.people.values import USER_ID

Json = dict[str, Any]

ORGANISATION_OF = {
    "gp": "ZZGP01",
    "hospice": "ZZHSP1",
    "community": "ZZCOM1",
    "hospital": "ZZHOS1",
    "ambulance": "ZZAMB1",
    "nhs111": "ZZ1110",
    "care_home": "ZZCH01",
    "social_care": "ZZSOC1",
    "patient": "ZZAPP1",
    "proxy": "ZZAPP1",
    "admin": "ZZGP01",
    "system": "ZZHSP1",
    "privacy_officer": "ZZAMB1",
    "researcher": "ZZHOS1",
    "coordination": "ZZCOO1",
    "support": "ZZSUP1",
    "education": "ZZSCH1",
    "bereavement": "ZZBER1",
}
"""Every role, and an organisation of its kind that has a relationship with everybody of the examples, where one can."""
BREAKS_GLASS = ("gp", "hospice", "community", "hospital", "ambulance", "nhs111")
HOLDER = "ZZGP01"
THE_CALLER, THEIR_ORGANISATION, THEIR_ROLE = "caller", "their organisation", "their role"
"""Words that stand for whoever calls, so that Consents speak of the caller often."""
_GROUP = ("cpr_decision", "treatment_escalation", "adrt", "lpa_health_welfare", "decision_context")
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: `stranger` has no relationship unless they claim one; `glass` asks by breaking glass."""

    role: str
    stranger: bool
    holder: bool
    claims: bool
    glass: bool
    purpose: str | None

    @property
    def organisation(self) -> str:
        """The organisation that is not a stranger's, which is the world's to name."""
        return HOLDER if self.holder and self.role not in ("patient", "proxy") else ORGANISATION_OF[self.role]


def callers(role: str) -> st.SearchStrategy[Caller]:
    """Draw callers of a role: with a relationship or without, now and then the holder, or who asks for what is not."""
    return st.integers(0, 2**20).map(lambda seed: _caller(role, Random(f"{role} {seed}")))


def _caller(role: str, chance: Random) -> Caller:
    """Return a caller by chance, each kind as often as it is meant to come; few examples drawn one by one are alike."""
    clinical, dice = role in BREAKS_GLASS, chance.random
    stranger = dice() < (0.5 if clinical else 0.33)
    return Caller(
        role,
        stranger=stranger,
        holder=dice() < 0.1,
        claims=clinical and dice() < (0.75 if stranger else 0.25),
        glass=clinical and dice() < 0.25,
        purpose="HCOMPL" if dice() < 0.05 else "ETREAT" if clinical and dice() < 0.1 else None,
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """What one provision is about; nothing said is everything, everybody, always."""

    sections: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    organisation: str = ""
    role: str = ""
    person: str = ""
    purposes: tuple[str, ...] = ()
    start: int | None = None
    end: int | None = None

    @property
    def none(self) -> bool:
        """Whether it is about everything, everybody, always."""
        return self == Limits()


@dataclass(frozen=True, slots=True)
class Provision:
    """A provision of a generated Consent."""

    kind: str
    limits: Limits
    nested: tuple[Provision, ...] = ()


def _limits(*, least: int) -> st.SearchStrategy[Limits]:
    """Draw limits of `least` dimensions to two; times are days from today."""
    one: dict[str, st.SearchStrategy[Any]] = {
        "sections": st.sampled_from(
            [_GROUP, ("diagnoses",), ("mental_health", "allergies"), ("location",), ("sharing_choices",), _GROUP[:1]]
        ),
        "tiers": st.sampled_from([("T0",), ("T1",), ("T2",), ("T3",), ("T4", "T6"), ("T5", "T7"), ("L",)]),
        "organisation": st.sampled_from([THEIR_ORGANISATION, THEIR_ORGANISATION, "ZZHSP1", HOLDER]),
        "role": st.sampled_from([THEIR_ROLE, THEIR_ROLE, "ambulance", "care_home"]),
        "person": st.sampled_from([THE_CALLER, THE_CALLER, "zz-somebody-else"]),
        "purposes": st.sampled_from([("TREAT",), ("ETREAT",), ("TREAT", "PATADMIN"), ("HRESCH",)]),
        "start": st.sampled_from([-30, -1, 2]),
        "end": st.sampled_from([-2, 1, 30]),
    }
    chosen = st.lists(st.sampled_from(sorted(one)), min_size=least, max_size=2, unique=True)
    return chosen.flatmap(lambda names: st.builds(Limits, **{name: one[name] for name in names}))


def _other(kind: str) -> str:
    return "deny" if kind == "permit" else "permit"


def _nested(kind: str, *, deep: bool) -> st.SearchStrategy[Provision]:
    """Draw an exception to a provision of a kind, now and then one that is none."""
    mostly = st.integers(0, 9).map(lambda dice: _other(kind) if dice else kind)
    below = st.just(())
    if deep:
        below = st.one_of(below, below, st.builds(lambda one: (one,), _nested(_other(kind), deep=False)))
    return st.builds(Provision, mostly, _limits(least=1), below)


def _roots(kind: str) -> st.SearchStrategy[Provision]:
    everything = st.just(Limits())
    limits = st.one_of(everything, everything, everything, _limits(least=1))
    nested = st.lists(_nested(kind, deep=True), max_size=3).map(tuple)
    return st.builds(Provision, st.just(kind), limits, nested)


_BARRING = (
    *(Limits(), Limits(organisation=THEIR_ORGANISATION), Limits(role=THEIR_ROLE), Limits(person=THE_CALLER)),
    Limits(organisation=THEIR_ORGANISATION),
)
_BY_ROOT = st.sampled_from(["permit", "permit", "deny"]).flatmap(_roots)


def consents(role: str) -> st.SearchStrategy[Provision]:
    """Draw what a person chooses before a caller of this role asks; one in four bars everybody, or the caller alone."""

    def chosen(seed: int) -> st.SearchStrategy[Provision]:
        # The ordinary run draws the same numbers for every role.
        chance = Random(f"{role} {seed}")
        return st.just(Provision("deny", chance.choice(_BARRING))) if chance.random() < 0.25 else _BY_ROOT

    return st.integers(0, 2**20).flatmap(chosen)


def as_fhir(provision: Provision, user: str, organisation: str, role: str) -> Json:
    """Return a provision as FHIR, with the caller in the place of the words that stand for them."""
    said = provision.limits
    built: Json = {"type": provision.kind, **_content(said)}
    actors = []
    if said.organisation:
        code = organisation if said.organisation == THEIR_ORGANISATION else said.organisation
        actors.append({"type": "Organization", "identifier": {"system": ODS_SYSTEM, "value": code}})
    if said.role:
        word = role if said.role == THEIR_ROLE else said.role
        actors.append({"identifier": {"system": code_system("role"), "value": word}})
    if said.person:
        id = user if said.person == THE_CALLER else said.person
        actors.append({"type": "Practitioner", "identifier": {"system": USER_ID, "value": id}})
    if actors:
        recipient = {"coding": [{"system": _PARTICIPATION, "code": "IRCP"}]}
        built["actor"] = [{"role": recipient, "reference": actor} for actor in actors]
    if provision.nested:
        built["provision"] = [as_fhir(one, user, organisation, role) for one in provision.nested]
    return built


def _content(said: Limits) -> Json:
    built: Json = {}
    words = [("section", code) for code in said.sections] + [("tier", code) for code in said.tiers]
    if words:
        built["code"] = [{"coding": [{"system": code_system(system), "code": code}]} for system, code in words]
    if said.purposes:
        built["purpose"] = [{"system": _REASON, "code": code} for code in said.purposes]
    today = datetime.now(UTC).date()
    period = {name: days for name, days in (("start", said.start), ("end", said.end)) if days is not None}
    if period:
        built["period"] = {name: (today + timedelta(days=days)).isoformat() for name, days in period.items()}
    return built
