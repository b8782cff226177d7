"""The canonical base of everything this project defines, in one place."""

BASE = "https://epaccs.example.org/fhir"


def structure_definition(name: str) -> str:
    """Return the canonical URL of our StructureDefinition `name` (profiles and extensions)."""
    return f"{BASE}/StructureDefinition/{name}"


def code_system(name: str) -> str:
    """Return the canonical URL of our CodeSystem `name`."""
    return f"{BASE}/CodeSystem/{name}"


def value_set(name: str) -> str:
    """Return the canonical URL of our ValueSet `name`."""
    return f"{BASE}/ValueSet/{name}"
