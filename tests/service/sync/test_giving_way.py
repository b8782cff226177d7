"""Emergency answers come first: while a process gives many, the routine goes out now and then, the urgent at once."""

from __future__ import annotations

from pathlib import Path

from adapters.base import Cause
from service.syncing import BUSY_FROM, Busy
from tests.service.record.house import person, update
from tests.service.sync.consents import refusal
from tests.service.sync.partner import member
from tests.service.sync.world import world


def test_a_process_is_busy_by_how_many_it_gives_in_a_second() -> None:
    given, now = 0, 100.0
    busy = Busy(lambda: given, lambda: now)
    assert not busy()
    for answers, seconds, expected in [(BUSY_FROM, 1.0, True), (BUSY_FROM - 2, 1.0, False), (BUSY_FROM, 0.5, True)]:
        given, now = given + int(answers), now + seconds
        assert busy() is expected
    now += 0.1
    assert busy(), "it is not looked at again at once"
    now += 1.0
    assert not busy()


async def test_what_is_urgent_does_not_give_way(keys_home: Path, tmp_path: Path) -> None:
    """One routine delivery goes in a fifth of a second, so that nothing waits for ever."""
    async with world(keys_home, tmp_path, member()) as opened:
        people = []
        for index in range(90, 95):
            people.append(await opened.house.post(person(index, place="hospice")[1]))
            await opened.run()
        place, serving = opened.places["hospice"], opened.relay.servings["hospice"]
        serving.gives_way = lambda: True
        opened.time.forward(1.0)
        sent = len(place.parcels)
        for references in people[1:]:
            medicine = next(one for one in references if one.startswith("MedicationRequest/"))
            said = {**await opened.house.read(medicine), "note": [{"text": "Routine"}]}
            await opened.house.write(update(medicine, 1, said))
        await opened.house.write(await refusal(opened, people[0], "ZZHSP1"))
        await opened.run()
        assert [parcel.cause for parcel in place.parcels[sent:]] == [Cause.WITHDRAWAL]
        opened.time.forward(1.01)
        await opened.run()
        assert [parcel.cause for parcel in place.parcels[sent + 1 :]] == [Cause.CHANGE]
        serving.gives_way = lambda: False
        await opened.run()
        assert len(place.parcels) == sent + 5
