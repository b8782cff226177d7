"""docs/nhs-gpdocument.md says of descriptions what the code takes; descriptions are judged whole."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.gp_document import GpDocumentAdapter
from adapters.gp_document_settings import GpDocumentSettings
from adapters.partners import Partner, read_partner
from adapters.registry import kind_of, problems_together
from adapters.surroundings import Surroundings
from security.clock import system_clock
from security.errors import InvalidConfiguration
from tests.adapters.certificates import Authority
from tests.adapters.gp_document_world import document
from tests.adapters.guides import guide_blocks
from tests.running import REPOSITORY

GUIDE = (REPOSITORY / "docs" / "nhs-gpdocument.md").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the guide's description names."""
    authority = Authority(tmp_path)
    ours = authority.certify("mesh")
    assert (ours.certificate.name, ours.key.name) == ("mesh.pem", "mesh.key")
    authority.ca.rename(tmp_path / "mesh-ca.pem")
    for name in ("mesh-password", "mesh-shared-key"):
        (tmp_path / name).write_text("secret\n")
        (tmp_path / name).chmod(0o600)
    return tmp_path


def described(folder: Path, settings: dict[str, Any] | None = None, **changed: Any) -> Partner:
    """Return the guide's description, changed, as it is read."""
    (block,) = guide_blocks("nhs-gpdocument", "json")
    said = json.loads(block)
    said |= changed
    said["settings"] |= settings or {}
    (folder / "surgery.json").write_text(json.dumps(said))
    return read_partner(folder / "surgery.json")


async def test_the_description_of_the_guide_is_accepted_and_opens(folder: Path):
    partner = described(folder)
    around = Surroundings(system_clock, "https://ours.example/fhir/R4", b"", document=document)
    adapter = kind_of(partner).adapter(partner, around)
    assert isinstance(adapter, GpDocumentAdapter)
    await adapter.close()


def test_a_deployment_that_makes_no_documents_does_not_open_it(folder: Path):
    partner = described(folder)
    with pytest.raises(InvalidConfiguration, match="makes no documents"):
        kind_of(partner).adapter(partner, Surroundings(system_clock, "https://ours.example/fhir/R4", b""))


def test_every_setting_is_described_and_no_other():
    table = GUIDE.partition("| setting |")[2].partition("`sends` is true")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([a-z_]+)`", " ".join(rows))) == sorted(GpDocumentSettings.__struct_fields__)
    defaults = {field.name: field.default for field in msgspec.structs.fields(GpDocumentSettings)}
    assert (defaults["deadline_days"], defaults["largest"], defaults["local_id"]) == (5, 5_000_000, "ods")
    assert defaults["birth_date"] == "YYYYMMDD"


@pytest.mark.parametrize(
    ("settings", "changed", "problem"),
    [
        ({}, {"gets": False}, "`gets` is true"),
        ({}, {"limits": {}}, "`limits.poll_every`"),
        ({}, {"mapping": "m.json"}, "`mapping` is not for this kind"),
        ({}, {"person": ["telecom"]}, "`person` is not for this kind"),
        ({}, {"notices": True, "gets": False, "sends": False}, "`notices` is not for this kind"),
        ({"practice": "gp one"}, {}, "`practice` is an ODS code"),
        ({"sender": {"ods": "x", "name": "Hospice", "telephone": "01632 960 001"}}, {}, "`sender.ods`"),
        ({"sender": {"ods": "ZZHSP1", "name": "Hospice", "telephone": "ring us"}}, {}, "`sender.telephone`"),
        ({"sender": {"ods": "ZZHSP1", "name": "", "telephone": "01632 960 001"}}, {}, "1 to 120 characters"),
        ({"clinician": {"sds_user_id": "UNK", "family": "A", "given": "B"}}, {}, "`clinician.sds_user_id`"),
        ({"document_type": {"code": "plan", "display": "Plan"}}, {}, "SNOMED"),
        ({"deadline_days": 0}, {}, "`deadline_days`"),
        ({"largest": 1}, {}, "`largest`"),
        ({"birth_date": "YYMMDD"}, {}, "birth_date"),
        ({"local_id": "mine"}, {}, "local_id"),
        ({"unknown": 1}, {}, "unknown"),
        ({"mesh": {"base": "http://mesh.test"}}, {}, "mesh"),
    ],
)
def test_every_mistake_is_named(folder: Path, settings: dict[str, Any], changed: dict[str, Any], problem: str):
    with pytest.raises(InvalidConfiguration) as caught:
        kind_of(described(folder, settings, **changed))
    assert any(problem in one for one in caught.value.problems)


def test_who_does_not_read_the_mailbox_need_not_keep_to_its_pauses(folder: Path):
    kind_of(described(folder, sends=False, limits={}))


def test_one_partner_reads_a_mailbox_that_several_have(folder: Path):
    reader, other = described(folder), described(folder, name="other-surgery", sends=False)
    stranger = described(folder, name="stranger")
    assert problems_together([(reader, "ZZGP01"), (other, "ZZGP01")]) == []
    said = problems_together([(reader, "ZZGP01"), (stranger, "ZZGP02")])
    assert said == [
        "stranger: `settings.practice` is not the organisation of its client",
        "exampleton-surgery: exactly one partner of its mailbox `sends`",
        "stranger: exactly one partner of its mailbox `sends`",
    ]
    assert problems_together([(described(folder, {"unknown": 1}), "ZZGP01")]) == [], "said by itself already"
