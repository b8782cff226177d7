"""What makes one synthetic person's plan different from another's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random


@dataclass(frozen=True, slots=True)
class Traits:
    """The choices behind one plan.

    `cpr`: not-for, for, modified (children only), not-discussed, declined, none, conflict or revoked. `level`: full,
    selective, comfort or none. `place`: home, hospice, care-home, undecided or declined. `sharing`: given, withdrawn or
    not-recorded. `allergy`: a substance, none-known or not-recorded. Days count back (age of the decision) or forward
    from now (review, authorisation); a negative review lies in the past.
    """

    cpr: str = "not-for"
    level: str = "comfort"
    place: str = "home"
    sharing: str = "given"
    allergy: str = "Penicillin"
    medicines: int = 4
    box: bool = True
    attorney: bool = True
    advance_decision: bool = False
    interpreter: str | None = None
    alert: str | None = None
    decided_days_ago: int = 20
    review_in_days: int = 70
    authorised_for_days: int = 60


def drawn(random: Random) -> Traits:
    """Draw the traits of one person; each state that a reader must tell apart occurs."""
    traits = Traits(
        cpr=random.choices(("not-for", "for", "not-discussed", "declined", "none"), (60, 12, 8, 5, 15))[0],
        level=random.choices(("full", "selective", "comfort"), (12, 38, 50))[0],
        place=random.choices(("home", "hospice", "care-home", "undecided", "declined"), (50, 20, 15, 10, 5))[0],
        sharing=random.choices(("given", "not-recorded"), (80, 20))[0],
        allergy=random.choices(
            ("none-known", "Penicillin", "Co-amoxiclav", "Latex", "Ibuprofen", "not-recorded"), (50, 20, 8, 7, 10, 5)
        )[0],
        medicines=random.choices((4, 3, 2, 0), (60, 15, 10, 15))[0],
        box=random.random() < 0.7,
        attorney=random.random() < 0.5,
        advance_decision=random.random() < 0.1,
        interpreter=random.choices((None, "Polish", "Punjabi", "Welsh"), (88, 4, 4, 4))[0],
        alert=random.choices((None, "Large dog in the house", "Risk of catastrophic bleed"), (84, 8, 8))[0],
        decided_days_ago=random.randint(1, 120),
        review_in_days=random.randint(-15, 90),
        authorised_for_days=random.randint(-5, 80),
    )
    # an authorisation that has run out still began before it ended
    return replace(traits, authorised_for_days=max(traits.authorised_for_days, 1 - traits.decided_days_ago))
