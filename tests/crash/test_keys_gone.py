"""The key file is gone: a running service goes on with the keys it has, none starts without, none makes new ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.faults import Trial, start
from tests.crash.places import serving


def test_a_running_service_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        trial = Trial(service)
        trial.begin()
        token = service.token("gp", "ZZGP01")
        keys = tmp_path / "keys.json"
        kept = keys.rename(tmp_path / "elsewhere.json")
        assert trial.ready() == 200
        assert service.emergency(token, trial.ledger.plans[0].nhs_number).status_code == 200
        kept.rename(keys)
        trial.carries_on("after")


@pytest.mark.parametrize("environment", ["demo", "sandbox", "production"])
def test_a_service_does_not_start_without_them(environment: str, tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        trial = Trial(service)
        trial.begin()
    keys = tmp_path / "keys.json"
    kept = keys.rename(tmp_path / "elsewhere.json")
    proper = {"EPACCS_TENANT": "demo", "EPACCS_BASE_URL": "https://example.org"}

    ended = start(tmp_path, EPACCS_ENV=environment, **proper)

    assert ended.returncode == 1
    assert "Traceback" not in ended.stdout
    assert "keys.json" in ended.stdout
    assert not keys.exists()
    kept.rename(keys)
    with serving(tmp_path) as again:
        trial.service = again
        assert again.emergency(again.token("gp", "ZZGP01"), trial.ledger.plans[0].nhs_number).status_code == 200
