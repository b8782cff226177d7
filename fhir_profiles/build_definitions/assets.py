"""The files that pages and documents need: Swagger UI's, the NHS design system's and the fonts of printed plans.

They are served, or put into documents, from here, so that nothing loads from another host.
"""

from __future__ import annotations

import re
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


_FONT = re.compile(r"@font-face\{[^}]*\}")
_SOURCE_MAP = re.compile(r"/\*# sourceMappingURL=.*?\*/")
_LOADED = re.compile(r"url\([^)]*\)")


def copy_nhsuk_frontend(packages: Path, target: Path) -> bool:
    """Write the style sheet of the NHS design system to `target`; say whether it was there.

    Its fonts, of another host, and its drawings, for tables and searches that no page has, are left out.
    """
    found = sorted((packages / "nhsuk-frontend" / "dist" / "nhsuk").glob("nhsuk-frontend-[0-9]*.min.css"))
    if not found:
        return False
    rules = _LOADED.sub("none", _FONT.sub("", found[-1].read_text(encoding="utf-8")))
    rules = _SOURCE_MAP.sub("", rules)
    target.mkdir(parents=True, exist_ok=True)
    (target / "nhsuk.css").write_text(rules, encoding="utf-8")
    return True


_FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")


def copy_fonts(packages: Path, target: Path) -> bool:
    """Copy the fonts of printed plans to `target`, with their licence; say whether they were there."""
    source = packages / "dejavu-fonts-ttf"
    if not source.is_dir():
        return False
    target.mkdir(parents=True, exist_ok=True)
    for name in _FONTS:
        shutil.copyfile(source / "ttf" / name, target / name)
    shutil.copyfile(source / "LICENSE", target / "LICENSE")
    return True
