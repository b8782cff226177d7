"""Reads documents back, by a program that is not the one that made them."""

from __future__ import annotations

import re
from io import BytesIO

from pypdf import PdfReader


def pages_of(pdf: bytes) -> list[str]:
    """Return the text of each page, every run of white space as one space."""
    return [flat(page.extract_text()) for page in PdfReader(BytesIO(pdf)).pages]


def first_of(pdf: bytes) -> str:
    """Return the text of the first page alone, which takes a fraction of the time."""
    return flat(PdfReader(BytesIO(pdf)).pages[0].extract_text())


def flat(text: str) -> str:
    """Return a text as one line."""
    return re.sub(r"[\s\u200b]+", " ", text).strip()
