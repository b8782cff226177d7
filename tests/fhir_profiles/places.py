"""Where tests of this package find what is not theirs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "fhir_profiles" / "package" / "example"
PUBLISHED = ROOT / "node_modules" / "hl7.fhir.r4.examples"
DEFINITIONS = ROOT / "node_modules" / "@medplum" / "definitions" / "dist" / "fhir" / "r4"
REFERENCE = Path(os.environ.get("EPACCS_REFERENCE", ROOT.parent / "shared" / "reference"))
"""Reference material that is kept beside a clone where there is any; no part of the product."""

needs_packages = pytest.mark.skipif(
    not (PUBLISHED.is_dir() and DEFINITIONS.is_dir()), reason="node_modules is missing: run `make setup`"
)
needs_reference = pytest.mark.skipif(
    not (REFERENCE / "codes.json").is_file(), reason="the reference material is not beside this clone"
)
