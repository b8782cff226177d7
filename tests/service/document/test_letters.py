"""What a document can show stays as it is; what it cannot is written plainly, and nothing turns text around."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from service.document.letters import Letters
from service.document.press import FONTS

LETTERS = Letters(sorted(FONTS.glob("*.ttf")))


@pytest.mark.parametrize(
    "text",
    ["plain <b>&amp;</b>", "Zoë Łukasz Nguyễn", "Оксана Лученюк", "Ελένη", "שלום", "عربى", "−20 °C ≤ ½ “quoted” – a"],
)
def test_what_fonts_have_stays(text: str) -> None:
    assert LETTERS(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("中", "Zhong"),
        ("a\U0001f600b\U0001f9e1", "a\U0001f600b:orange_heart:"),
        ("not\u202e RPC rof\u202c", "not RPC rof"),
        ("soft\u00adhyphen \u200b \ufeff", "softhyphen  "),
        ("bell\x07 null\x00", "bell null"),
        ("half \ud800 private \ue000 nobody's \U000e0fff", "half ? private ? nobody's ?"),
    ],
)
def test_what_they_have_not_is_said_plainly(text: str, shown: str) -> None:
    assert LETTERS(text) == shown


def test_no_letter_becomes_markup() -> None:
    every = "".join(map(chr, range(0xA0, sys.maxunicode + 1, 29)))
    assert not set(LETTERS(every)) & set("<>&")


def test_a_file_that_is_no_font_is_refused(tmp_path) -> None:
    path = tmp_path / "font.ttf"
    path.write_bytes(b"wOFF" + bytes(40))
    with pytest.raises(ValueError, match="not a font"):
        Letters([path])
