"""Makes PDF/A of a page in the markup of `document.html`, by Typst (https://typst.app/docs/reference/pdf/).

Guarantees: what is made is PDF/A-2a or nothing is made, for Typst itself refuses what the standard does not allow;
fonts are in it; the same page and time give the same bytes; nothing but this folder and the fonts is read and nothing
written. Text is handed over as data, never as Typst's markup, so no text of a plan can do anything but stand there.
Standard: ISO 19005-2, conformance level A.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from service.document.letters import Letters

if TYPE_CHECKING:
    import typst

FOLDER = Path(__file__).resolve().parent
FONTS = FOLDER.parent / "web" / "static" / "vendor" / "dejavu"
"""Where set-up puts them (`fhir_profiles.build_definitions`)."""
_LOOK = FOLDER / "plan.typ"
_STANDARD: list[typst.PDFStandard] = ["a-2a"]


class NoFonts(Exception):
    """The fonts of documents are not here: set-up could not fetch them."""

    def __init__(self) -> None:
        super().__init__("the fonts of documents are missing: run `make setup` where packages of npm can be had")


class NotPrinted(Exception):
    """A page could not be made a document. Says nothing of what stands on it."""


class Press:
    """Makes documents, one at a time, in some thirty milliseconds each; may be used by any thread."""

    def __init__(self, fonts: Path = FONTS) -> None:
        """Look for the fonts; they are read at the first document. Raise NoFonts."""
        self._files = sorted(fonts.glob("*.ttf"))
        if not self._files:
            raise NoFonts
        self._folder = fonts
        self._lock = threading.Lock()
        self._letters: Letters | None = None
        self._typst: typst.Compiler | None = None

    def __call__(self, page: str, made: datetime) -> bytes:
        """Return the document of a page. `made` goes into it as its date, to the second. Raise NotPrinted."""
        # A service that prints nothing has no use for it, and its start-up no time.
        import typst

        moment = made.astimezone(UTC).replace(microsecond=0)
        with self._lock:
            letters, compiler = self._ready()
            given = {"page": letters(page)}
            try:
                pdf = compiler.compile(format="pdf", sys_inputs=given, pdf_standards=_STANDARD, timestamp=moment)
            except typst.TypstError:  # its text repeats the page
                raise NotPrinted("the page cannot be made PDF/A") from None
        if not isinstance(pdf, bytes):
            raise NotPrinted("no document was made")
        return pdf

    def _ready(self) -> tuple[Letters, typst.Compiler]:
        import typst

        if self._letters is None or self._typst is None:
            fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[self._folder])
            self._letters = Letters(self._files)
            self._typst = typst.Compiler(_LOOK, root=FOLDER, font_paths=fonts, ignore_system_fonts=True)
        return self._letters, self._typst
