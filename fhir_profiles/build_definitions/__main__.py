"""Command line of the build: `python -m fhir_profiles.build_definitions [node_modules]`."""

from __future__ import annotations

import sys
from pathlib import Path

from fhir_profiles.build_definitions.assets import copy_nhsuk_frontend, copy_swagger_ui
from fhir_profiles.build_definitions.write import PublishedDefinitionsMissing, write_definitions
from fhir_profiles.definitions import DIRECTORY

_VENDOR = Path(__file__).parents[2] / "service" / "web" / "static" / "vendor"


def main(arguments: list[str]) -> int:
    """Build everything below `fhir_profiles/definitions_r4` and the vendored assets; return the exit code."""
    packages = Path(arguments[0]) if arguments else Path("node_modules")
    try:
        written = write_definitions(packages, DIRECTORY)
        copied = copy_swagger_ui(packages, _VENDOR / "swagger-ui")
    except PublishedDefinitionsMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    designed = copy_nhsuk_frontend(packages, _VENDOR / "nhsuk")
    print(f"FHIR R4 definitions: {written} files; Swagger UI: {copied} files")
    if not designed:
        print("nhsuk-frontend is not there: the pages for crews are drawn plainly until `npm ci --ignore-scripts`")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
