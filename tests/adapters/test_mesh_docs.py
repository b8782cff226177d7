"""docs/mesh.md says of settings and failures what the code does."""

from __future__ import annotations

import re

import msgspec
import pytest

from adapters import errors
from adapters.http import Answer
from adapters.mesh_outbox import SETTLED_AFTER
from adapters.mesh_refusals import failure, refuse
from adapters.mesh_settings import MeshSettings
from tests.adapters.mesh_small import START
from tests.running import REPOSITORY

GUIDE = (REPOSITORY / "docs" / "mesh.md").read_text()
FACTS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in GUIDE.partition("### Failures")[2].splitlines()
    if line.startswith("|") and "`" in line
]


def kind(cell: str) -> type[errors.OutsideError]:
    found = re.search(r"`([A-Za-z]+)`", cell)
    assert found is not None, cell
    named: type[errors.OutsideError] = getattr(errors, found[1])
    return named


def test_every_setting_is_described_and_no_other():
    table = GUIDE.partition("### Settings")[2].partition("TLS is")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([a-z_]+)`", " ".join(rows))) == sorted(MeshSettings.__struct_fields__)
    defaults = {field.name: field.default for field in msgspec.structs.fields(MeshSettings)}
    assert (defaults["chunk"], defaults["largest"], defaults["look_for_lost"]) == (20_000_000, 64 << 20, True)
    assert SETTLED_AFTER.total_seconds() == 600


@pytest.mark.parametrize(
    ("code", "fact"), [(code.strip(), row[3]) for row in FACTS for code in row[2].split(",") if code.strip()]
)
def test_every_code_is_the_fact_that_the_guide_names(code: str, fact: str):
    assert type(failure(code, "SEND")) is kind(fact)


@pytest.mark.parametrize(
    ("status", "fact"), [(int(one), row[1]) for row in FACTS for one in re.findall(r"\d{3}", row[0])]
)
def test_every_status_is_the_fact_that_the_guide_names(status: int, fact: str):
    with pytest.raises(errors.OutsideError) as caught:
        refuse(Answer(status, {}, b""), START)
    assert type(caught.value) is kind(fact)
