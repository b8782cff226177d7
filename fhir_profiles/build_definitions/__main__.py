"""Command line of the build: `python -m fhir_profiles.build_definitions [node_modules]`."""

from __future__ import annotations

import sys
from pathlib import Path

from fhir_profiles.build_definitions.assets import copy_fonts, copy_nhsuk_frontend, copy_swagger_ui
from fhir_profiles.build_definitions.write import PublishedDefinitionsMissing, write_definitions
from fhir_profiles.definitions import DIRECTORY, SCHEMA, TABLES

_VENDOR = Path(__file__).parents[2] / "service" / "web" / "static" / "vendor"


def main(arguments: list[str], definitions: Path = DIRECTORY, vendor: Path = _VENDOR) -> int:
    """Build what the packages that are there allow, say what works without the others; return the exit code.

    0 when the service can start, with definitions made now or earlier.
    """
    packages = Path(arguments[0]) if arguments else Path("node_modules")
    without: list[str] = []
    try:
        print(f"FHIR R4 definitions: {write_definitions(packages, definitions)} files")
    except PublishedDefinitionsMissing:
        without.append("the FHIR R4 definitions are those that were built before")
    try:
        copy_swagger_ui(packages, vendor / "swagger-ui")
    except PublishedDefinitionsMissing:
        without.append("/docs shows openapi.json alone")
    if not copy_nhsuk_frontend(packages, vendor / "nhsuk"):
        without.append("the pages for crews say all that they have to say, drawn plainly")
    if not copy_fonts(packages, vendor / "dejavu"):
        without.append("no plan is made a PDF")
    if not without:
        return 0
    ready = all((definitions / name).is_file() for name in (SCHEMA, TABLES))
    print(f"Packages of the npm registry are missing in {packages}.", file=sys.stderr)
    if ready:
        print(f"The service works without them; {'; '.join(without)}.", file=sys.stderr)
    else:
        print(
            "All else is set up, but the service cannot start: it judges what it is sent by the FHIR R4 definitions.",
            file=sys.stderr,
        )
    print("Run `make setup` again where there is npm, or a registry that answers.", file=sys.stderr)
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
