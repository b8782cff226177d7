"""CPR decisions in every state that a reader must tell apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.people import clinical, values
from service.people.draft import Scene
from service.people.traits import Traits
from service.people.values import Json
from service.plan import vocabulary as v

_WHY = {
    "not-for": "CPR would not work and would cause harm.",
    "for": "Agreed with the person.",
    "modified": "Airway and breathing support, no chest compressions. Agreed with the parents.",
}
_UNSAID = {
    "not-discussed": ("not-asked", "not discussed yet"),
    "declined": ("asked-declined", "asked, declined to discuss"),
}


def cpr_decisions(scene: Scene, traits: Traits) -> Iterator[str]:
    """Add what a plan holds about CPR, the task to review it too, and yield the URNs."""
    if traits.cpr == "none":
        return
    if reason := _UNSAID.get(traits.cpr):
        absent = values.absent(*reason)
        yield scene.add(clinical.cpr(scene.subject, scene.when, [scene.doctor], dataAbsentReason=absent))
        return
    if traits.cpr == "superseded":
        decision = yield from _superseded(scene, traits)
    else:
        answer = traits.cpr if traits.cpr in _WHY else "not-for"
        decision = scene.add(_decision(scene, scene.when, scene.doctor, answer))
        yield decision
    if traits.cpr == "conflict":
        later = scene.before_now(traits.decided_days_ago - 2)
        why = "The person says they want CPR and have capacity to say so."
        relation = clinical.relation(v.CONFLICTS_WITH, decision)
        yield scene.add(_decision(scene, later, scene.second, "for", why, relation))
    elif traits.cpr == "revoked":
        yield scene.add(_revocation(scene, scene.before_now(traits.decided_days_ago - 5), decision))
        return
    due = scene.day(traits.review_in_days)
    yield scene.add(clinical.review(scene.subject, values.to(decision), due, scene.doctor))


def _superseded(scene: Scene, traits: Traits) -> Any:
    """Add a decision for CPR of some weeks before, then the one that replaced it; return the latter."""
    earlier = scene.before_now(traits.decided_days_ago + 40)
    old = scene.add(_decision(scene, earlier, scene.second, "for"))
    yield old
    why = "Much weaker than when it was first discussed; CPR would not work now."
    relation = clinical.relation(v.REPLACES, old)
    new = scene.add(_decision(scene, scene.when, scene.doctor, "not-for", why, relation))
    yield new
    return new


def _decision(scene: Scene, when: str, by: Json, answer: str, why: str = "", *relations: Json) -> Json:
    return clinical.cpr(
        scene.subject,
        when,
        [by],
        valueCodeableConcept=clinical.cpr_value(answer),
        extension=[clinical.basis("clinical-recommendation"), *relations],
        note=[{"text": why or _WHY[answer]}],
    )


def _revocation(scene: Scene, when: str, decision: str) -> Json:
    absent = values.absent("not-applicable", "decision revoked")
    event = clinical.cpr(scene.subject, when, [scene.doctor], dataAbsentReason=absent)
    event["extension"] = [clinical.relation(v.REVOKES, decision)]
    return event
