"""The host that setup works on: looks at it, tries its port, plans, and carries out. The story decides what when."""

from collections.abc import Callable
from pathlib import Path

import trio

from aimx.config import domain as domains
from aimx.effects import keyfiles
from aimx.errors import Failed, SignFailed
from aimx.model.config import Config
from aimx.provision import initsystem, keypair, nameservice, port25, records, service, zonewatch
from aimx.provision.port25 import OwnPort
from aimx.provision.setup import actions, apply, plan, survey
from aimx.provision.setup.actions import Work
from aimx.provision.setup.api import Answers, Change, Found, Note, Preflight, Watch, Works
from aimx.provision.setup.site import Site
from aimx.provision.setup.survey import Ground

VERIFY_HOST = Config.__struct_defaults__  # see _default


class Host(Works):
    """Implements api.Works for one installation."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._service = service.of(initsystem.detect(site.root), site.root)
        self._active = False
        self._ledger = apply.Ledger()

    @property
    def stands(self) -> tuple[str, ...]:
        """What this run has undone and what of it stands, in words; empty when it has changed nothing."""
        return self._ledger.words
