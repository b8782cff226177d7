"""The kinds of Consent that IHE's Privacy Consent on FHIR knows, as papers of ours in `pcf/`, and who gets what.

Basic: share, or do not, for a time. Intermediate: for purposes, for named recipients, for a while, about a timeframe of
the data, about single resources, about what somebody authored. Advanced: by sensitivity label. What a decision by
section cannot apply is refused when it is written, and when it is met all the same it opens nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fhir_profiles.identifiers import ODS_SYSTEM
from security.access_policy import base_policy
from security.consent_check import check_sharing_consent
from security.decide_request import answer
from security.localities import Policies
from tests.security.sharing import NOW, PATIENT

PAPERS = Path(__file__).with_name("pcf")

CALLERS: dict[str, tuple[str, str, str, str]] = {
    "practice": ("gp", "ZZGP09", "TREAT", "zz-doctor-1"),
    "hospice": ("hospice", "ZZHSP1", "TREAT", "zz-nurse-1"),
    "hospital": ("hospital", "ZZHOS1", "TREAT", "zz-doctor-2"),
    "crew": ("ambulance", "ZZAMB1", "TREAT", "zz-crew-1"),
    "crew 7": ("ambulance", "ZZAMB1", "TREAT", "zz-crew-7"),
    "care home": ("care_home", "ZZCH01", "TREAT", "zz-carer-1"),
    "clerk": ("admin", "ZZGP09", "PATADMIN", "zz-clerk-1"),
    "researcher": ("researcher", "ZZRES1", "HRESCH", "zz-researcher-9"),
}
"""Role, organisation, purpose and user; all have an established relationship, none holds the record."""

EXPLICIT = {
    "practice": "T0 T1 T2 T3 T4 T5 T6 L",
    "hospice": "T0 T1 T2 T3 T4 T5 T6 L",
    "hospital": "T0 T1 T2 T3 T4 T5 T6 L",
    "crew": "T0 T1 T2 T3 L",
    "crew 7": "T0 T1 T2 T3 L",
    "care home": "T0 T1 T2 T3 T4 L",
    "clerk": "T0 L",
}
"""What each role has by its own permission: P and E cells of the matrix (rule 3)."""
UNASKED = EXPLICIT | {"hospital": "T0 T1 T2 T3 T4 T6 L", "care home": "T0 T1 T2 T3 L"}
"""What each has while nobody recorded a choice: P cells alone."""
NOBODY: dict[str, str] = {}


def but(granted: dict[str, str], *callers: str, less: str = "") -> dict[str, str]:
    """Return who gets what, without some callers, and for all others without the tiers `less`."""
    return {
        name: " ".join(tier for tier in tiers.split() if tier not in less.split())
        for name, tiers in granted.items()
        if name not in callers
    }


WHO_GETS_WHAT: dict[str, dict[str, str]] = {
    "basic-permit": EXPLICIT,
    "basic-deny": NOBODY,
    # ended in October: it is as if there were none
    "basic-permit-ended": UNASKED,
    # a receptionist asks for administration, which a permission to treat does not cover
    "intermediate-purpose": but(EXPLICIT, "clerk"),
    # research is never served, so to refuse it changes nothing
    "intermediate-not-for-research": EXPLICIT,
    "intermediate-recipients": {name: EXPLICIT[name] for name in ("hospice", "crew 7")},
    "intermediate-not-to-one": but(EXPLICIT, "hospital"),
    "intermediate-not-to-a-role": but(EXPLICIT, "care home"),
    # the hospital until today, the care home not before December
    "intermediate-for-a-while": but(EXPLICIT, "hospital"),
    # a refusal of what the hospital authored is one of everything to whom it names
    "intermediate-authored-by-deny": but(EXPLICIT, "hospice"),
    # R is T4 and on; T5 is not the person's to withhold (5.1), T6 has no R of its own
    "advanced-not-restricted": but(EXPLICIT, less="T4"),
    "advanced-restricted-to-one": but(EXPLICIT, less="T4") | {"hospice": EXPLICIT["hospice"]},
    # what is labelled normal is what has no label that hides: T4 and T6 are no part of it
    "advanced-normal-alone": but(EXPLICIT, less="T4 T6"),
    "advanced-not-mental-health": EXPLICIT,
    # what follows is refused when written; read all the same, a permission opens nothing and a refusal is of everything
    "intermediate-timeframe-permit": NOBODY,
    "intermediate-timeframe-deny": NOBODY,
    "intermediate-one-document": NOBODY,
    "intermediate-authored-by-permit": NOBODY,
    "advanced-unknown-label": NOBODY,
}

REFUSED_AT_WRITE = {
    # a decision is by section and tier: it cannot open some resources of one and not others
    "intermediate-timeframe-permit": "permits single resources, dates or what one author recorded",
    "intermediate-one-document": "permits single resources, dates or what one author recorded",
    "intermediate-authored-by-permit": "permits single resources, dates or what one author recorded",
    # widened to all content it would take back the whole permission, which nobody means
    "intermediate-timeframe-deny": "contradict",
    "advanced-unknown-label": "a code or label that this service cannot apply",
}


def paper(name: str) -> dict[str, Any]:
    """Read one Consent."""
    read: dict[str, Any] = msgspec.json.decode((PAPERS / f"{name}.json").read_bytes())
    return read


def told(name: str, caller: str) -> dict[str, Any]:
    """Return what is decided for a caller by one Consent."""
    role, organisation, purpose, user = CALLERS[caller]
    asked = {"role": role, "org": organisation, "purpose": purpose, "user": user, "lr": "established", "assurance": 2}
    return dict(answer({**asked, "consents": [paper(name)]}, Policies.of(base_policy()), NOW))


def organisation_of(reference: Any) -> str | None:
    """Resolve an ODS identifier."""
    identifier = reference.get("identifier", {})
    return str(identifier["value"]) if identifier.get("system") == ODS_SYSTEM else None


@pytest.mark.parametrize("name", sorted(WHO_GETS_WHAT))
def test_each_gets_what_the_paper_says_and_no_more(name: str) -> None:
    got = {caller: told(name, caller) for caller in CALLERS}
    opened = {
        caller: " ".join(tier for tier, state in decided["tiers"].items() if state == "open")
        for caller, decided in got.items()
        if decided["http"] == 200
    }
    assert opened == WHO_GETS_WHAT[name]
    assert {caller for caller, decided in got.items() if decided["http"] == 403} == {"researcher"}


@pytest.mark.parametrize("name", sorted(WHO_GETS_WHAT))
def test_what_a_decision_cannot_apply_is_refused_when_written_and_nothing_else(name: str) -> None:
    problems = " ".join(check_sharing_consent(paper(name), PATIENT, organisation_of))
    if name in REFUSED_AT_WRITE:
        assert REFUSED_AT_WRITE[name] in problems
    else:
        assert problems == ""


def test_a_label_of_mental_health_closes_that_section_and_no_other_of_its_tier() -> None:
    sections = told("advanced-not-mental-health", "practice")["sections"]
    assert sections["mental_health"]["result"] == "closed"
    assert sections["substance_use"]["result"] == "open"


def test_there_are_papers_of_every_kind_and_each_is_in_the_table() -> None:
    names = {path.stem for path in PAPERS.glob("*.json")}
    assert names == set(WHO_GETS_WHAT)
    assert {name.partition("-")[0] for name in names} == {"basic", "intermediate", "advanced"}
