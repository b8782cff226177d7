"""The files of Swagger UI that the documentation pages need, copied so that no page loads from another host."""

from __future__ import annotations

import shutil
from pathlib import Path

from fhir_profiles.build_definitions.write import PublishedDefinitionsMissing

_FILES = (
    "swagger-ui-bundle.js",
    "swagger-ui.css",
    "favicon-32x32.png",
    "oauth2-redirect.html",
    "oauth2-redirect.js",
    "LICENSE",
    "NOTICE",
)


def copy_swagger_ui(packages: Path, target: Path) -> int:
    """Copy the files from `packages` (a node_modules) to `target`; return how many."""
    source = packages / "swagger-ui-dist"
    if not source.is_dir():
        raise PublishedDefinitionsMissing(source)
    target.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        shutil.copyfile(source / name, target / name)
    return len(_FILES)
