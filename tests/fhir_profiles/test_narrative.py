"""What a narrative may hold."""

from __future__ import annotations

import pytest

from fhir_profiles.xhtml import is_safe_narrative

XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


@pytest.mark.parametrize(
    "content",
    [
        "plain words",
        "<p>a <b>b</b><br/></p>",
        "<table class='x'><tr><td colspan='2'>1</td></tr></table>",
        "caf&eacute; &amp; &#xe9; &nbsp;",
        '<a href="https://example.org/x">x</a>',
        '<a href="#top">x</a><img src="#picture" alt="x"/>',
        '<p style="color: red">x</p>',
        "<!-- note --><p>x</p>",
    ],
)
def test_formatted_text_is_accepted(content: str) -> None:
    assert is_safe_narrative(f"<div {XHTML}>{content}</div>")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "  ",
        "<script>alert(1)</script>",
        "<SCRIPT>alert(1)</SCRIPT>",
        '<p onclick="x()">x</p>',
        "<form><input/></form>",
        "<iframe src='https://example.org'>x</iframe>",
        "<object data='x'>x</object>",
        "<link rel='stylesheet' href='https://example.org'/>x",
        "<style>p{}</style>x",
        '<a href="javascript:alert(1)">x</a>',
        '<a href=" JaVaScRiPt:alert(1)">x</a>',
        '<a href="java&#10;script:alert(1)">x</a>',
        '<a href="data:text/html,x">x</a>',
        '<img src="https://example.org/pixel.png"/>',
        '<img src="//example.org/pixel.png"/>',
        '<img src="data:image/svg+xml;base64,AAAA"/>',
        '<p style="background: url(https://example.org)">x</p>',
        '<p style="width: expression(alert(1))">x</p>',
        '<svg xmlns="http://www.w3.org/2000/svg"><text>x</text></svg>',
        "<p>unclosed",
        "&undefined;",
        "<![CDATA[x]]>",
        "<?php x ?>",
    ],
)
def test_anything_that_runs_loads_or_is_empty_is_refused(content: str) -> None:
    assert not is_safe_narrative(f"<div {XHTML}>{content}</div>")


@pytest.mark.parametrize(
    "value",
    [
        "words",
        "<div>no namespace</div>",
        f"<p {XHTML}>not a div</p>",
        f"<!DOCTYPE div [<!ENTITY x 'y'>]><div {XHTML}>&x;</div>",
        1,
        None,
    ],
)
def test_what_is_not_an_xhtml_div_is_refused(value: object) -> None:
    assert not is_safe_narrative(value)
