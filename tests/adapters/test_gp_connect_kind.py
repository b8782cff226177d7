"""The kind `gp-connect` from its description: judged whole, and asked through real sockets and mutual TLS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from adapters.base import Whom
from adapters.errors import NotSent
from adapters.gp_connect import GpConnect
from adapters.gp_connect_kind import GpConnectKind
from adapters.partners import Description, Owner, Partner
from adapters.surroundings import Surroundings
from security.clock import system_clock
from security.errors import InvalidConfiguration
from service.cli.sync import judged
from tests.adapters import structured_record as stu3
from tests.adapters.certificates import Authority, Certified, tls_front
from tests.adapters.guides import guide_blocks
from tests.adapters.pds_world import KEY, private
from tests.adapters.receiving import serving_app
from tests.running import REPOSITORY, demo_settings
from tests.standins.gp_practice import API_KEY as DIRECTORY_KEY
from tests.standins.gp_practice import OUR_ASID, PRACTICE, Practice
from tests.standins.pds import API_KEY, KID, StandInPds, person, standing

Json = dict[str, Any]
UNA = Whom(stu3.NHS_NUMBER, stu3.FAMILY, stu3.BORN)
GUIDE = (REPOSITORY / "docs" / "nhs-gp-connect.md").read_text()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def practice() -> Practice:
    return Practice(lambda: datetime.now(UTC).timestamp(), {stu3.NHS_NUMBER: stu3.record()})


@contextmanager
def pds_with(*patients: Json) -> Iterator[StandInPds]:
    """Run PDS, which knows some people."""
    with standing(KEY, system_clock, lambda: datetime.now(UTC).timestamp()) as pds:
        pds.people |= {one["id"]: one for one in patients}
        yield pds


def described(folder: Path, ours: Certified, **settings: Any) -> Partner:
    """Return the description of the practice, with its files."""
    private(folder / "pds-api-key", f"{API_KEY}\n")
    private(folder / "sds-api-key", f"{DIRECTORY_KEY}\n")
    private(folder / "key.jwk", json.dumps(KEY.as_dict(private=True)))
    said: Json = {
        "practice": PRACTICE,
        "proxy": "https://127.0.0.1:9/ssp",
        "asid": OUR_ASID,
        "organisation": "ZZICB1",
        "organisation_name": "Example care board",
        "person": {"family": "Contrived", "given": "Wenna"},
        "certificate_file": ours.certificate.name,
        "key_file": ours.key.name,
        "ca_file": "Authority-of-the-tests.pem",
        "directory": {"base": "https://127.0.0.1:9/spine-directory/FHIR/R4", "api_key_file": "sds-api-key"},
        "pds": {
            "base": "http://127.0.0.1:9/pds",
            "auth": {
                "token_url": "http://127.0.0.1:9/oauth2/token",
                "api_key_file": "pds-api-key",
                "key_file": "key.jwk",
                "kid": KID,
            },
        },
    }
    for name, value in settings.items():
        said[name] = {**said[name], **value} if isinstance(value, dict) else value
    owner = Owner("Integration desk", "ZZGP01")
    return Partner(
        Description(
            name="surgery", kind="gp-connect", title="A practice", client="gp", owner=owner, sends=True, settings=said
        ),
        folder,
    )


def opened(partner: Partner) -> GpConnect:
    """Return the adapter of a description without problems."""
    assert GpConnectKind().problems(partner) == []
    around = Surroundings(system_clock, "https://record.example.org/fhir/R4", b"", private_addresses=True)
    return GpConnectKind().adapter(partner, around)


async def test_through_real_sockets_and_mutual_tls(tmp_path: Path, authority: Authority, practice: Practice) -> None:
    theirs, ours = authority.certify("spine.test"), authority.certify("ours.test")
    known = person(stu3.NHS_NUMBER, gp=PRACTICE)
    moved = person("9990009929", gp="ZZGP02")
    with serving_app(practice.app) as port, pds_with(known, moved) as pds:
        async with tls_front(port, theirs, authority.ca) as front:
            where = f"https://127.0.0.1:{front}"
            partner = described(
                tmp_path,
                ours,
                proxy=f"{where}/ssp",
                directory={"base": f"http://127.0.0.1:{port}/spine-directory/FHIR/R4"},
                pds={
                    "base": pds.base,
                    "auth": {
                        "token_url": pds.token_url,
                        "api_key_file": "pds-api-key",
                        "key_file": "key.jwk",
                        "kid": KID,
                    },
                },
            )
            adapter = opened(partner)
            found = await adapter.of_person(UNA)
            assert [one.theirs for message in found for one in adapter.arrived(message)] == [
                "AllergyIntolerance/a1",
                "Condition/c1",
                "MedicationStatement/m1",
            ]
            assert practice.wrong == []
            assert await adapter.of_person(Whom("9990009929", "Testley", "1940-05-06")) == ()
            assert len(practice.seen) == 1
            await adapter.close()


async def test_a_proxy_that_is_not_of_the_authority_is_not_spoken_to(
    tmp_path: Path, authority: Authority, practice: Practice
) -> None:
    (tmp_path / "other").mkdir()
    impostor = Authority(tmp_path / "other", "Another authority").certify("spine.test")
    ours = authority.certify("ours.test")
    with serving_app(practice.app) as port, pds_with(person(stu3.NHS_NUMBER, gp=PRACTICE)) as pds:
        async with tls_front(port, impostor, authority.ca) as front:
            where = f"https://127.0.0.1:{front}"
            auth = {
                "token_url": pds.token_url,
                "api_key_file": "pds-api-key",
                "key_file": "key.jwk",
                "kid": KID,
            }
            partner = described(
                tmp_path,
                ours,
                proxy=f"{where}/ssp",
                directory={"base": f"http://127.0.0.1:{port}/spine-directory/FHIR/R4"},
                pds={"base": pds.base, "auth": auth},
            )
            adapter = opened(partner)
            with pytest.raises(NotSent):
                await adapter.of_person(UNA)
            assert practice.seen == []
            await adapter.close()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"practice": "not a code"}, "`settings.practice` is an ODS code"),
        ({"asid": "12"}, "`settings.asid` has twelve digits"),
        ({"organisation_name": " "}, "`settings.organisation_name` is missing"),
        ({"proxy": "ftp://proxy"}, "`settings.proxy` is an https address"),
        ({"directory": {"base": "https://x/"}}, "`settings.directory.base` has no `/` at its end"),
        ({"directory": {"api_key_file": "key.jwk"}}, "`settings.directory.api_key_file`: holds one line, the API key"),
        ({"pds": {"base": "nowhere"}}, "`settings.pds.base` is an https address"),
        ({"key_file": "absent.key"}, "`settings.key_file`"),
        ({"ca_file": "absent.pem"}, "PEM files that belong together"),
        ({"person": {"family": ""}}, "`settings.person` has a family and a given name"),
        ({"colour": "red"}, "unknown field"),
    ],
)
def test_a_description_is_judged_whole(tmp_path: Path, authority: Authority, settings: Json, problem: str) -> None:
    partner = described(tmp_path, authority.certify("ours.test"), **settings)
    assert any(problem in one for one in GpConnectKind().problems(partner)), GpConnectKind().problems(partner)


async def test_plain_http_is_for_a_sandbox_only(tmp_path: Path, authority: Authority) -> None:
    partner = described(tmp_path, authority.certify("ours.test"))
    with pytest.raises(InvalidConfiguration):
        GpConnectKind().adapter(partner, Surroundings(system_clock, "https://record.example.org/fhir/R4", b""))


def test_sync_check_accepts_the_description_of_the_guide(tmp_path: Path) -> None:
    (sample,) = guide_blocks("nhs-gp-connect", "json")
    folder = tmp_path / "partners"
    folder.mkdir()
    (folder / "surgery.json").write_text(sample)
    ours = Authority(folder).certify("spine")
    assert (ours.certificate.name, ours.key.name) == ("spine.pem", "spine.key")
    private(folder / "pds-api-key", f"{API_KEY}\n")
    private(folder / "sds-api-key", f"{DIRECTORY_KEY}\n")
    private(folder / "pds-key.jwk", json.dumps(RSAKey.generate_key(2048).as_dict(private=True)))
    found, problems = judged(demo_settings(tmp_path / "home", 8000, EPACCS_PARTNERS=str(folder)))
    assert (list(found), problems) == (["surgery.json"], [])
    for name in json.loads(sample)["settings"]:
        assert f"`{name}`" in GUIDE.partition("| member of `settings` |")[2], name
