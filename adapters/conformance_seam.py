"""The rules that every partner keeps, whatever its kind: those of the seam (`adapters.base`), seen from the outside."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from adapters.base import Adapter, Arrived, HeldThere, Message, Prefills, Untranslatable
from adapters.conformance_rules import Broken, Checks, NotApplicable, rule, said
from adapters.conformance_trial import Trial
from adapters.errors import ChangedThere, NotAuthorised, OtherPerson, OutsideError, PersonUnknown, Refused

SEAM: Checks = []
Look = dict[str, str]
_OURS = "docs/integrating.md, What a partner keeps"


def _grown(before: Look, after: Look | None, by: int, what: str) -> None:
    """Compare what is there before and after something that makes `by` new things."""
    fresh = len((after or {}).keys() - before.keys())
    if fresh != by:
        raise Broken(f"{what} made {fresh} new thing(s) there, and not {by}.")


@rule(SEAM, "seam-take", "It takes a person and a plan, and confirms each part", _OURS)
async def takes(trial: Trial) -> None:
    """Give the person and the plan."""
    before = await _look(trial)
    trial.first = trial.parcel(trial.person, *trial.plan())
    try:
        receipts = await trial.give(trial.first)
    except PersonUnknown:
        raise Broken("The synthetic person is not known there; add them, or give one who is with --person.") from None
    try:
        carried = trial.carried()
    except NotApplicable:
        raise Broken("Nothing of the plan was taken: its mapping, or its types, have no place for it.") from None
    if len({receipt.reference for receipt in receipts}) != len(receipts):
        raise Broken("A part was confirmed twice.")
    if before is not None:
        _grown(before, await _look(trial), len(carried) if trial.sight.keeps else 1, "The plan")


@rule(SEAM, "seam-again", "The same sent again has no second effect", _OURS)
async def again(trial: Trial) -> None:
    """Give the same parcel once more, as after a death before anything of it was remembered."""
    carried, first, before = trial.carried(), trial.first, await _look(trial)
    assert first is not None
    receipts = await trial.with_fresh(lambda adapter: trial.give(first, adapter, forget=True))
    there = {receipt.reference: receipt.there for receipt in receipts}
    moved = [one for one in carried if (now := there.get(one)) is None or _place(now) != _place(trial.held[one])]
    if moved:
        raise Broken(f"{len(moved)} part(s) are somewhere else, or in another version, after the second time.")
    if before is not None and await _look(trial) != before:
        raise Broken("What is there is not what it was after the first time.")


@rule(SEAM, "seam-lost", "What was sent, and whose answer was lost, has one effect", _OURS)
async def lost(trial: Trial) -> None:
    """Give something new, forget the answer, and give it again as the engine does."""
    kinds = {one.partition("/")[0] for one in trial.carried()}
    before = await _look(trial)
    parcel = trial.parcel(*(one for one in trial.plan(name="lost") if one["resourceType"] in kinds))
    await trial.give(parcel, forget=True)
    if trial.sight.keeps:  # it is remembered of each part that it was tried
        parcel = replace(parcel, puts=tuple(replace(put, there=HeldThere("", "", b"")) for put in parcel.puts))
    await trial.with_fresh(lambda adapter: trial.give(parcel, adapter))
    if before is not None:
        _grown(before, await _look(trial), len(parcel.puts) if trial.sight.keeps else 1, "Sending it twice")


@rule(SEAM, "seam-update", "A change arrives as the next version of what is there", _OURS)
async def updates(trial: Trial) -> None:
    """Give the plan in other words."""
    carried, before = trial.carried(), await _look(trial)
    was = dict(trial.held)
    await trial.give(trial.parcel(*(trial.again(one, 1) for one in carried)))
    if moved := [one for one in carried if trial.held[one].theirs != was[one].theirs]:
        raise Broken(f"{len(moved)} part(s) are somewhere else after the change.")
    if before is None:
        return
    after = await _look(trial)
    _grown(before, after, 0 if trial.sight.keeps else 1, "The change")
    if after == before:
        raise Broken("What is there still has the versions that it had.")


@rule(SEAM, "seam-kept", "What the partner changed is not overwritten", "FHIR R4 http.html#concurrency; " + _OURS)
async def kept(trial: Trial) -> None:
    """Let the partner change something, and give what does not know of it."""
    if not trial.sight.keeps:
        raise NotApplicable("this kind holds nothing that could be overwritten")
    first = trial.carried()[0]
    await trial.sight.changes(trial, first, trial.again(first, 2))
    try:
        await trial.give(trial.parcel(trial.again(first, 0)), forget=True)
    except ChangedThere:
        return
    raise Broken("The partner's change was overwritten.")


@rule(SEAM, "seam-back", "What is written there comes back whole, with its version, in our words", _OURS)
async def comes_back(trial: Trial) -> None:
    """Ask for what is new, and for the person, and look for what the partner wrote."""
    if not trial.partner.description.sends:
        raise NotApplicable("the description says that it `sends` nothing")
    first = trial.carried()[0]
    if not trial.sight.keeps:
        await trial.sight.changes(trial, first, trial.again(first, 2))
    arrived = await _arrived(trial, trial.held[first].theirs)
    wanted = trial.again(first, 2)
    told = "valueCodeableConcept" if wanted["resourceType"] == "Observation" else "code"
    if arrived.resource is None or _plain(arrived.resource.get(told)) != _plain(wanted[told]):
        raise Broken("It came back with other content than was written there.")
    if (arrived.whom.nhs_number, arrived.whom.birth_date) != (trial.whom.nhs_number, trial.whom.birth_date):
        raise Broken("It came back about somebody else.")
    if trial.sight.keeps and not arrived.version:
        raise Broken("It came back without a version.")
    before = trial.held[first]
    trial.held[first] = msgspec.structs.replace(before, version=arrived.version)


@rule(SEAM, "seam-whom", "A person who is not exactly the one meant is refused", "hazard H2; " + _OURS)
async def whom(trial: Trial) -> None:
    """Give something about somebody with the same NHS number and another birth date."""
    if not trial.sight.keeps:
        raise NotApplicable("nobody is looked for at this kind; the receiver compares")
    trial.carried()
    other = {**trial.person, "birthDate": "1901-01-01"}
    remembered, trial.held, person, trial.person = trial.held, {}, trial.person, other
    try:
        parcel = trial.parcel(trial.plan(name="whom")[0])
        await trial.with_fresh(lambda adapter: trial.give(parcel, adapter, forget=True))
    except OtherPerson:
        return
    finally:
        trial.held, trial.person = remembered, person
    raise Broken("It was written about whoever has the number, though the birth date differs.")


@rule(SEAM, "seam-remove", "What is removed is gone, and removing it again changes nothing", _OURS)
async def removes(trial: Trial) -> None:
    """Take one part back, twice."""
    last, before = trial.carried()[-1], await _look(trial)
    there = trial.held[last]
    receipts = await trial.give(trial.parcel(gone=[last]))
    if [receipt for receipt in receipts if receipt.reference == last and receipt.there is None] == []:
        raise Broken("The removal was not confirmed.")
    after = await _look(trial)
    if before is not None and after is not None:
        if not trial.sight.keeps:
            _grown(before, after, 1, "The removal")
        elif len(before) - len(after) != 1:
            raise Broken(f"{len(before) - len(after)} thing(s) went away, and not 1.")
    trial.held[last] = there
    parcel = trial.parcel(gone=[last])
    await trial.with_fresh(lambda adapter: trial.give(parcel, adapter))
    if trial.sight.keeps and await _look(trial) != after:
        raise Broken("Removing it again changed something.")


async def _look(trial: Trial) -> Look | None:
    """Return what is there; None where it cannot be looked at: then receipts alone are judged."""
    try:
        return dict(await trial.sight.look(trial))
    except NotApplicable:
        return None


def _place(there: HeldThere) -> tuple[str, str]:
    return there.theirs, there.version


async def _arrived(trial: Trial, theirs: str) -> Arrived:
    """Return the newest of one resource that comes from the partner: as news, else as part of the person."""
    refused: OutsideError | None = None
    try:
        messages = await trial.news()
    except NotAuthorised:
        raise
    except Refused as error:
        messages, refused = [], error
    if not (found := await _about(trial.adapter, messages, theirs)) and isinstance(trial.adapter, Prefills):
        found = await _about(trial.adapter, list(await trial.adapter.of_person(trial.whom)), theirs)
    if not found:
        because = f" (asked what is new: {said(refused)})" if refused is not None else ""
        raise Broken(f"It did not come back{because}.")
    return found[-1]


async def _about(adapter: Adapter, messages: list[Message], theirs: str) -> list[Arrived]:
    found = []
    for message in messages:
        try:
            mine = [one for one in adapter.arrived(message) if one.theirs == theirs]
        except Untranslatable:
            if message.id.startswith(f"{theirs}/"):
                raise
            continue
        if mine:
            await adapter.settled(message)
        found += mine
    return found


def _plain(concept: object) -> object:
    """Return a concept by its code or its text: displays are each system's own, and codings may be added."""
    if not isinstance(concept, dict):
        return None
    codes = {str(one.get("code")) for one in concept.get("coding", ()) if isinstance(one, dict)}
    return frozenset(codes) if codes else concept.get("text")
