"""What people are ill with: cancer, failing organs, frailty, dementia, and what children die of.

Which is likely depends on age and on where somebody lives: dementia and frailty in care homes, cancer in hospices,
liver disease in hostels. How likely is our own guess at people who have a plan, among whom those with cancer are more
than among all who die.
"""

from __future__ import annotations

from random import Random

from service.people.who.identity import Identity

DIAGNOSES = {
    "cancer": (
        "Cancer of the lung, spread to the liver",
        "Cancer of the bowel, spread to the peritoneum",
        "Cancer of the breast, spread to bone",
        "Cancer of the prostate, spread to bone",
        "Cancer of the pancreas",
        "Multiple myeloma",
        "Glioblastoma",
    ),
    "heart": ("Severe heart failure", "Severe aortic stenosis, no operation", "Heart failure, ICD in place"),
    "lung": ("Severe chronic obstructive pulmonary disease", "Pulmonary fibrosis, oxygen at home"),
    "kidney": ("End-stage kidney disease, no dialysis", "End-stage kidney disease, dialysis to stop"),
    "liver": ("Decompensated cirrhosis of the liver", "Liver failure, not for transplant"),
    "neurological": ("Motor neurone disease", "Advanced Parkinson's disease", "Progressive supranuclear palsy"),
    "frailty": ("Severe frailty", "Severe frailty, repeated falls", "Frailty after a hip fracture"),
    "dementia": ("Advanced dementia", "Advanced Alzheimer's disease", "Vascular dementia, bedbound"),
    "childhood": (
        "Duchenne muscular dystrophy",
        "Severe cerebral palsy with scoliosis",
        "Leukaemia, relapsed after transplant",
        "Mitochondrial disease",
        "Complex congenital heart disease",
        "Trisomy 18",
    ),
}
"""Diagnoses in words, by kind of illness. A child or young person has one of `childhood`."""

OTHER_DIAGNOSES = (
    "Type 2 diabetes",
    "Atrial fibrillation",
    "Osteoarthritis",
    "High blood pressure",
    "Hearing loss",
    "Macular degeneration",
    "Depression",
    "Stroke in the past",
)

_LIKELY = {
    "care-home": {"dementia": 45, "frailty": 27, "cancer": 9, "heart": 8, "lung": 5, "neurological": 4, "kidney": 2},
    "hospice": {"cancer": 76, "heart": 7, "neurological": 7, "lung": 5, "liver": 3, "kidney": 2},
    "hostel": {"liver": 44, "lung": 22, "cancer": 20, "heart": 10, "neurological": 4},
    "home": {
        "cancer": 42,
        "heart": 15,
        "lung": 12,
        "frailty": 12,
        "dementia": 7,
        "kidney": 5,
        "neurological": 4,
        "liver": 3,
    },
}
_YOUNGER = {"cancer": 60, "neurological": 18, "liver": 12, "heart": 6, "kidney": 4}
_TABLES = {
    setting: (tuple(likely), tuple(likely.values())) for setting, likely in {**_LIKELY, "younger": _YOUNGER}.items()
}
_TABLES["no-fixed-address"] = _TABLES["hostel"]


def illness_of(random: Random, who: Identity) -> str:
    """Draw the kind of illness of somebody."""
    if who.age < 20:
        return "childhood"
    kinds, weights = _TABLES["younger" if who.age < 55 and who.setting == "home" else who.setting]
    return random.choices(kinds, weights)[0]
