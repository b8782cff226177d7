"""The codes and extension URLs that give a plan its clinical meaning, each named once."""

from __future__ import annotations

from fhir_profiles.canonical import structure_definition

DATA_ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
V3_ROLE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
V2_CONTACT_ROLE = "http://terminology.hl7.org/CodeSystem/v2-0131"

RESUSCITATION_STATUS = "304251008"

TREATMENT_ESCALATION_PLAN = "735324008"
PREFERRED_PLACE_OF_DEATH = "395091006"
PREFERRED_PLACE_OF_CARE = "preferred-place-of-care"
ANTICIPATORY_CARE = "443761007"
NO_KNOWN_ALLERGY = "716186003"
DECISION_REVIEW = "decision-review"
CAME_LATE = "came-late"
IDENTITY_REVIEW = "identity-review"

LPA_LIFE_SUSTAINING = "816381000000105"
ADRT_LIFE_SUSTAINING = "816321000000109"
ADRT_RETRACTED = "962601000000103"
KEY_WORKER_ROLES = frozenset({"719240009", "719238004", "1034241000000106"})

REPLACES = structure_definition("replaces")
REVOKES = structure_definition("revokes")
CONFLICTS_WITH = structure_definition("conflicts-with")
DECISION_BASIS = structure_definition("decision-basis")
TREATMENT_LEVEL = structure_definition("treatment-level")
APPLIES_WHEN = structure_definition("applies-when")
PREFERENCE_RANK = structure_definition("preference-rank")
KEPT_AT = structure_definition("kept-at")
AVAILABILITY = structure_definition("availability")
BANK_HOLIDAYS = structure_definition("bank-holidays")
