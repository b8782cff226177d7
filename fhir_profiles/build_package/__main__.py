"""Command line of the maker: `python -m fhir_profiles.build_package codes.json [target]`."""

from __future__ import annotations

import sys
from pathlib import Path

from fhir_profiles.build_package.write import write_package


def main(arguments: list[str]) -> int:
    """Write the package from the list of codes named first; return the exit code."""
    if not arguments:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    target = Path(arguments[1]) if len(arguments) > 1 else Path(__file__).parents[1] / "package"
    sys.stdout.write(f"{write_package(Path(arguments[0]), target)} files in {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
