"""What we make is PDF/A by the judgement of veraPDF, which nobody here wrote: the cast's plans, and hostile texts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from service.document.paper import Paper
from service.document.plan import PlanDocument
from service.document.press import Press
from tests.peers.verapdf_judge import judged
from tests.service.document.cast import NAMES, NOW, plan
from tests.service.document.test_plan import HOSTILE, WORDING

pytestmark = pytest.mark.peer


def test_every_document_is_pdf_a_2a(tmp_path: Path) -> None:
    made = PlanDocument(Paper(Press()), WORDING, lambda: NOW)

    def say(text: str) -> Any:
        def everywhere(resources: list[dict[str, Any]]) -> None:
            for one in resources:
                if one["resourceType"] == "Patient":
                    one["name"] = [{"text": text}]
                if "text" in one.get("valueCodeableConcept", {}):
                    one["valueCodeableConcept"]["text"] = text

        return everywhere

    plans = [plan(name) for name in dict.fromkeys(NAMES)] + [plan("Edith", say(text)) for text in HOSTILE]
    files = []
    for number, one in enumerate(plans):
        files.append(tmp_path / f"{number}.pdf")
        files[-1].write_bytes(asyncio.run(made(one)))
    assert judged("2a", files) == ["compliant"] * len(files)


def test_the_judge_refuses_what_is_none(tmp_path: Path) -> None:
    """One letter of a document's claim changed: what cannot refuse shows nothing."""
    made = asyncio.run(PlanDocument(Paper(Press()), WORDING, lambda: NOW)(plan("Ada")))
    claim = b"<pdfaid:conformance>A</pdfaid:conformance>"
    assert claim in made
    path = tmp_path / "none.pdf"
    path.write_bytes(made.replace(claim, claim.replace(b">A<", b">B<")))
    (said,) = judged("2a", [path])
    assert said.startswith("not; ")
