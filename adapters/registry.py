"""Which kinds of partner there are, and what each needs: the one list that a new kind is added to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from adapters.base import Adapter
from adapters.control_room import ControlRoomKind
from adapters.csv_kind import CsvKind
from adapters.fhir_partner import FhirKind
from adapters.gp_connect_kind import GpConnectKind
from adapters.gp_document import GpDocumentKind
from adapters.itk_111 import Itk111Kind
from adapters.mns_kind import MnsKind
from adapters.nems_kind import NemsKind
from adapters.nrl import NrlKind
from adapters.partners import Partner
from adapters.pds_partner import PdsKind
from adapters.surroundings import Surroundings
from adapters.webhook import WebhookKind
from security.errors import InvalidConfiguration

__all__ = ["KINDS", "Kind", "Surroundings", "kind_of", "problems_together"]


class Kind(Protocol):
    """One kind of partner."""

    def problems(self, partner: Partner) -> list[str]:
        """Return what is wrong with a description of this kind, its files included; nothing is sent anywhere."""

    def adapter(self, partner: Partner, surroundings: Surroundings) -> Adapter:
        """Return the adapter of a partner whose description has no problems. Make it inside the running loop."""


@runtime_checkable
class JudgesTogether(Protocol):
    """A kind whose partners have to fit together, and to the organisations of their clients."""

    def problems_together(self, partners: Sequence[tuple[Partner, str]]) -> list[str]:
        """Return what is wrong with them, each beginning with a partner's name; the ODS code is its client's."""


KINDS: Mapping[str, Kind] = {
    "control-room": ControlRoomKind(),
    "csv": CsvKind(),
    "fhir": FhirKind(),
    "gp-connect": GpConnectKind(),
    "gp-document": GpDocumentKind(),
    "itk-111": Itk111Kind(),
    "mns": MnsKind(),
    "nems": NemsKind(),
    "nrl": NrlKind(),
    "pds": PdsKind(),
    "webhook": WebhookKind(),
}
"""Every kind by its word."""


_CARRY_NOTICES = frozenset({"webhook"})
"""Kinds whose adapters are `adapters.notice.Notifies`."""
TAKES_NOTHING_BACK = frozenset({"gp-document"})
"""Kinds whose protocol has no way to remove what was given: people have to ask (`adapters.errors.NotTakenBack`)."""


def kind_of(partner: Partner) -> Kind:
    """Return the kind of a partner; raise InvalidConfiguration when there is none, or the description does not fit."""
    kind = KINDS.get(partner.description.kind)
    if kind is None:
        raise InvalidConfiguration([f"{partner.name}: `kind` is one of {', '.join(sorted(KINDS))}"])
    problems = kind.problems(partner)
    if partner.description.notices and partner.description.kind not in _CARRY_NOTICES:
        problems = [*problems, "`notices` is not for this kind"]
    if problems:
        raise InvalidConfiguration([f"{partner.name}: {problem}" for problem in problems])
    return kind


def problems_together(partners: Sequence[tuple[Partner, str]]) -> list[str]:
    """Return what is wrong with partners beside one another; each comes with its client's ODS code."""
    return [
        problem
        for word, kind in KINDS.items()
        if isinstance(kind, JudgesTogether)
        for problem in kind.problems_together([one for one in partners if one[0].description.kind == word])
    ]
