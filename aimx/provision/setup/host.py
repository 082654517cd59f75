"""The host that setup works on: looks at it, tries its port, plans, and carries out. The story decides what when."""

from collections.abc import Callable

import trio

from aimx.config import domain as domains
from aimx.effects import keyfiles, lock
from aimx.errors import Failed, SignFailed
from aimx.model.config import VERIFY_HOST, Config
from aimx.provision import initsystem, keypair, nameservice, port25, zonewatch
from aimx.provision import service as services
from aimx.provision.port25 import OwnPort
from aimx.provision.records import Zone
from aimx.provision.service.api import Service
from aimx.provision.setup import actions, apply, plan, survey
from aimx.provision.setup.actions import Work
from aimx.provision.setup.api import Answers, Change, Found, Note, Preflight, Watch, Works
from aimx.provision.setup.site import Site
from aimx.provision.setup.survey import Ground


class Host(Works):
    """Implements api.Works for one installation."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._service: Service | None = services.of(initsystem.detect(site.root), site.root)
        self._active = False
        self._ledger = apply.Ledger()

    @property
    def stands(self) -> tuple[str, ...]:
        """What this run has undone and what of it stands, in words; empty when it has changed nothing."""
        return self._ledger.words

    async def survey(self) -> Found:
        """See api.Works."""
        self._active = self._service is not None and await self._service.active()
        ground = await trio.to_thread.run_sync(self.look)
        config = ground.config
        good = config is not None and ground.certificate.serves(config.domain)
        return Found(
            domain=config.domain if config is not None else None,
            trust=config.trust if config is not None else None,
            certificate=good,
            installed=self._active and good and ground.pair == "good",
            catchall=any(box.catchall for box in config.mailboxes.values()) if config is not None else None,
            problem=ground.problem,
        )

    def look(self) -> Ground:
        """What stands now; whether the service runs is what `survey` found."""
        return survey.look(self.site, self._service, self._active)

    def facts(self) -> tuple[tuple[str, str], ...]:
        """What `survey` and a look have found, by name, for people."""
        return survey.told(self.site, self.look(), str(self._service.path) if self._service is not None else "")

    async def preflight(self, tell: Callable[[Note], None]) -> Preflight:
        """See api.Works. Raises: Refused for a verifier that is no URL."""
        own = OwnPort(self.site.socket, self.site.smtp[1], self.site.verifier_port)
        return await port25.preflight(self.verify_host, own, tell)

    @property
    def verify_host(self) -> str:
        """The verifier: of the command line, else of the configuration, else the public one."""
        if self.site.verify_host is not None:
            return self.site.verify_host
        config = survey.config(self.site)
        return config.verify_host if config is not None else VERIFY_HOST

    def pair(self, domain: str) -> bool:
        """See api.Works."""
        selector = self._selector()
        place = keyfiles.place(self.site.config_dir, selector)
        try:
            made = actions.pair(self.site.config_dir, selector)
        except SignFailed as error:
            raise Failed(f"{place / keyfiles.PRIVATE}: {error.reason}") from error
        except OSError as error:
            raise Failed(f"{error.filename or place}: {error.strerror}; there is no key for {domain} yet") from error
        if made:
            self._ledger.made(f"the DKIM pair in {place}")
        return made

    def watch(self, domain: str, ipv4: str | None, ipv6: str | None) -> Watch:
        """See api.Works. Without the verifier's word the address is the one that connections leave from, if public."""
        config, selector = survey.config(self.site), self._selector()
        ours4, ours6 = nameservice.own_public()
        key = keypair.look(self.site.config_dir, selector).record
        with_ipv6 = config is not None and config.enable_ipv6
        return zonewatch.watch(Zone(domain, selector, key, ipv4 or ours4, ipv6 or ours6, frozenset(), with_ipv6))

    def _selector(self) -> str:
        config = survey.config(self.site)
        return config.dkim_selector if config is not None else survey.SELECTOR

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """See api.Works."""
        return self._plan(self.look(), answers)

    def _plan(self, ground: Ground, answers: Answers) -> tuple[Change, ...]:
        pair = keyfiles.place(self.site.config_dir, self._selector())
        places = plan.Places(str(self._service.path) if self._service is not None else "", str(pair))
        return plan.changes(self.site, places, ground, answers)

    async def install(self, answers: Answers, tell: Callable[[Note], None]) -> None:
        """See api.Works. Cancelled or interrupted: undone first, like a failure."""
        if self._service is None:
            raise Failed("there is no init system that setup knows")
        with lock.sole(self.site.lock_file, "`aimx setup`"):
            await self._install(self._service, answers, tell)

    async def _install(self, service: Service, answers: Answers, tell: Callable[[Note], None]) -> None:
        self._active = await service.active()
        ground = await trio.to_thread.run_sync(self.look)
        if ground.problem:
            raise Failed(ground.problem)
        for text in ground.warnings:
            tell(Note("warn", text))
        changes = self._plan(ground, answers)
        await apply.carry_out(changes, Work(self.site, service, ground, answers).actions(), self._ledger, tell)
        if ground.config is not None and plan.moving(ground, answers):
            _tell_move(ground.config, answers.domain, tell)


def _tell_move(before: Config, domain: str, tell: Callable[[Note], None]) -> None:
    kept = domains.trusted_at(before, before.domain)
    if kept:
        text = f"Trusted senders stay as they are, {', '.join(kept)} too; mail from here now comes from @{domain}."
        tell(Note("warn", text))
    tell(Note("hint", f"The configuration as it was is kept beside the new one, as config.toml.{before.domain}."))
