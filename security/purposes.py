"""Purposes of use in HL7's hierarchy (v3-ActReason): which words exist, and which covers which (sharing rules 5.2)."""

from __future__ import annotations

from security.principal import Purpose

ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"

_PARENT = {
    "TREAT": "PurposeOfUse",
    "CLINTRL": "TREAT",
    "COC": "TREAT",
    "ETREAT": "TREAT",
    "BTG": "ETREAT",
    "ERTREAT": "ETREAT",
    "POPHLTH": "TREAT",
    "CAREMGT": "TREAT",
    "PATRQT": "PurposeOfUse",
    "FAMRQT": "PurposeOfUse",
    "PWATRNY": "FAMRQT",
    "SUPNWK": "FAMRQT",
    "HOPERAT": "PurposeOfUse",
    "DONAT": "HOPERAT",
    "FRAUD": "HOPERAT",
    "GOV": "HOPERAT",
    "HACCRED": "HOPERAT",
    "HCOMPL": "HOPERAT",
    "HDECD": "HOPERAT",
    "HDIRECT": "HOPERAT",
    "HDM": "HOPERAT",
    "HLEGAL": "HOPERAT",
    "HOUTCOMS": "HOPERAT",
    "HPRGRP": "HOPERAT",
    "HQUALIMP": "HOPERAT",
    "HSYSADMIN": "HOPERAT",
    "LABELING": "HOPERAT",
    "METAMGT": "HOPERAT",
    "MEMADMIN": "HOPERAT",
    "MILCDM": "HOPERAT",
    "PATADMIN": "HOPERAT",
    "PATSFTY": "HOPERAT",
    "PERFMSR": "HOPERAT",
    "RECORDMGT": "HOPERAT",
    "SYSDEV": "HOPERAT",
    "HTEST": "HOPERAT",
    "TRAIN": "HOPERAT",
    "HPAYMT": "PurposeOfUse",
    "CLMATTCH": "HPAYMT",
    "COVAUTH": "HPAYMT",
    "COVERAGE": "HPAYMT",
    "ELIGDTRM": "HPAYMT",
    "ELIGVER": "HPAYMT",
    "ENROLLM": "HPAYMT",
    "MILDCRG": "HPAYMT",
    "REMITADV": "HPAYMT",
    "HMARKT": "PurposeOfUse",
    "HRESCH": "PurposeOfUse",
    "BIORCH": "HRESCH",
    "CLINTRCH": "HRESCH",
    "CLINTRCHNPC": "CLINTRCH",
    "CLINTRCHPC": "CLINTRCH",
    "PRECLINTRCH": "CLINTRCH",
    "DSRCH": "HRESCH",
    "POARCH": "HRESCH",
    "TRANSRCH": "HRESCH",
    "PUBHLTH": "PurposeOfUse",
    "DISASTER": "PUBHLTH",
    "THREAT": "PUBHLTH",
}

KNOWN_PURPOSES = frozenset({"PurposeOfUse", *_PARENT})
"""Every purpose that a Consent may name and be understood."""

EMERGENCY_PURPOSES = frozenset({"ETREAT", "ERTREAT", "BTG"})
"""Purposes by which a refusal names emergencies too."""


def _covering(purpose: str) -> frozenset[str]:
    found = {purpose}
    while (parent := _PARENT.get(purpose)) is not None:
        found.add(purpose := parent)
    return frozenset(found)


COVERED_BY = {purpose: _covering(purpose.value) for purpose in Purpose}
"""For each purpose that is served: itself and every purpose that covers it. TREAT covers ETREAT, not the reverse."""

BREAKING_GLASS = _covering("BTG")
