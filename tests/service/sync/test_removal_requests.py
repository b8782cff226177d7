"""After a refusal, whoever was given something is asked to remove it, and who does not confirm is named to people."""

from __future__ import annotations

from pathlib import Path

from adapters.errors import Unreachable
from security.principal import Role
from service.record.alerts import Alert
from service.sync.operating import Operating
from service.sync.removal_requests import RemovalRequest
from tests.service.record.house import doctor, person
from tests.service.sync.consents import permission, refusal
from tests.service.sync.partner import member
from tests.service.sync.world import World, world


async def requests(opened: World) -> list[RemovalRequest]:
    """Return the requests."""
    return await opened.relay.removing.removals.all()


async def alerts(opened: World) -> list[Alert]:
    """Return what the privacy officers of the holder are told."""
    officer = opened.officer("ZZGP01")
    found = await opened.relay.removing.removals.alerts.list(officer, opened.time.now.replace(month=1, day=1))
    return [one for one in found if one.kind == "removal-unconfirmed"]


async def test_a_partner_that_removes_has_confirmed(keys_home: Path, tmp_path: Path) -> None:
    """Its copies are gone, so nobody has to be told."""
    async with world(keys_home, tmp_path, member()) as opened:
        _, bundle = person(41, place="hospice")
        references = await opened.house.post(bundle)
        await opened.run()
        await opened.house.write(await refusal(opened, references, "ZZHSP1"))
        await opened.run(forward=40)
        (one,) = await requests(opened)
        assert (one.organisation, one.partner, one.holder) == ("ZZHSP1", "hospice", "ZZGP01")
        assert one.confirmed
        assert await alerts(opened) == []


async def test_a_partner_that_does_not_confirm_is_named_when_its_time_is_over(keys_home: Path, tmp_path: Path) -> None:
    """To the privacy officers of the holder, once."""
    async with world(keys_home, tmp_path, member(removal_days=2)) as opened:
        number, bundle = person(42, place="hospice")
        references = await opened.house.post(bundle)
        await opened.run()
        opened.places["hospice"].down = Unreachable("x")
        await opened.house.write(await refusal(opened, references, "ZZHSP1"))
        await opened.run(forward=40)
        (one,) = await requests(opened)
        assert not one.confirmed
        assert await alerts(opened) == []
        opened.time.forward(2 * 86_400)
        await opened.run(forward=40)
        (alert,) = await alerts(opened)
        assert (alert.organisation, alert.user_id) == ("ZZGP01", "ZZHSP1")
        standing = await Operating(
            opened.members, opened.engine.board, opened.relay.removing.removals.log.access
        ).standing(opened.engineer(), "hospice")
        assert "1 removal request not confirmed in time." in standing.needs
        copies = opened.house.services.explaining.copies_held
        (copy,) = await copies(opened.officer("ZZGP01"), (await opened.house.record_of(number)).manifest.patient)
        assert copy.removal is not None
        assert (copy.organisation, copy.removal.confirmed, copy.removal.deadline) == ("ZZHSP1", "", one.deadline)


async def test_a_reader_without_a_system_is_named_at_once(keys_home: Path, tmp_path: Path) -> None:
    """Somebody has to ask them in another way; who reads for the holder itself is not asked."""
    async with world(keys_home, tmp_path) as opened:
        number, bundle = person(43, place="hospice")
        references = await opened.house.post(bundle)
        for organisation, role in (("ZZHSP1", Role.HOSPICE), ("ZZGP01", Role.GP)):
            await opened.house.emergency(number, doctor(organisation, role))
        await opened.house.write(await refusal(opened, references, "ZZHSP1"))
        await opened.run(forward=2)
        (one,) = await requests(opened)
        assert (one.organisation, one.partner, one.told) == ("ZZHSP1", "", True)
        assert [alert.user_id for alert in await alerts(opened)] == ["ZZHSP1"]


async def test_sharing_again_takes_the_request_back(keys_home: Path, tmp_path: Path) -> None:
    """What may be held again need not be removed."""
    async with world(keys_home, tmp_path, member()) as opened:
        _, bundle = person(44, place="hospice")
        references = await opened.house.post(bundle)
        await opened.run()
        opened.places["hospice"].down = Unreachable("x")
        await opened.house.write(await refusal(opened, references, "ZZHSP1"))
        await opened.run(forward=2)
        assert len(await requests(opened)) == 1
        opened.time.forward(60)
        await opened.house.write(await permission(opened, references, 2))
        await opened.run(forward=2)
        assert await requests(opened) == []
