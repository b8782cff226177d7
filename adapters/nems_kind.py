"""What the description of a partner of kind `nems` says, and what is wrong with it (`docs/nhs-events.md`)."""

from __future__ import annotations

import msgspec

from adapters.base import Adapter
from adapters.look_again import only_sends
from adapters.mesh_inbox import Inbox
from adapters.mesh_settings import MeshSettings, mailbox_of, problems_of
from adapters.nems import NemsAdapter
from adapters.nems_event import WORKFLOWS
from adapters.partners import Partner
from adapters.settings import read_settings
from adapters.surroundings import Surroundings


class NemsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The mailbox, and which of the workflows that NEMS delivers by are taken out of it."""

    mesh: MeshSettings
    workflows: tuple[str, ...] = WORKFLOWS


class NemsKind:
    """The kind `nems`."""

    def problems(self, partner: Partner) -> list[str]:
        """Return what is wrong with a description and the files that it names."""
        problems = list(only_sends(partner))
        try:
            settings = read_settings(partner, NemsSettings)
        except ValueError as error:
            return [*problems, str(error)]
        problems += [f"`settings.mesh`: {problem}" for problem in problems_of(settings.mesh, partner.file)]
        unknown = [one for one in settings.workflows if one not in WORKFLOWS]
        problems += [f"`settings.workflows` names `{one}`, by which nothing comes" for one in unknown]
        if not settings.workflows:
            problems.append("`settings.workflows` names at least one workflow")
        return problems

    def adapter(self, partner: Partner, surroundings: Surroundings) -> Adapter:
        """Return the adapter."""
        settings = read_settings(partner, NemsSettings)
        within = partner.description.limits.timeout
        mailbox = mailbox_of(settings.mesh, partner.file, surroundings.clock, within)
        return NemsAdapter(mailbox, Inbox(mailbox, settings.mesh.largest), settings.workflows)
