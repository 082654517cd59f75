"""The story of `aimx setup`: six steps in the guide's order, over whoever talks to the operator and over the host.

Until step 5 nothing is written but the DKIM pair, so that an operator who leaves leaves no half-configured host (P2).
"""

from collections.abc import Awaitable, Callable

from aimx.errors import Failed, Refused
from aimx.integrations import registry
from aimx.provision.setup import entries, texts
from aimx.provision.setup.api import (
    Answers,
    Back,
    Found,
    Note,
    Options,
    Preflight,
    SetupCancelled,
    Ui,
    Works,
)
from aimx.provision.setup.steps import Checklist, Key, State, step


class PreflightFailed(Failed):
    """Port 25 does not work, or somebody else has it."""


class Setup:
    """One run of setup: what is known and answered so far, and how far the checklist is."""

    def __init__(self, ui: Ui, works: Works, options: Options) -> None:
        self._ui, self._works, self._options = ui, works, options
        self._checklist = Checklist()
        self._found: Found
        self._preflight: Preflight | None = None
        self.answers = Answers("")

    async def run(self) -> None:
        """From the first look at the host to the last word.

        Raises: SetupCancelled; PreflightFailed; Failed when something could not be done, with what to do next; Refused.
        """
        with self._ui.working("Looking at this host"):
            self._found = await self._works.survey()
        if self._found.problem:
            raise Refused(self._found.problem)
        self._ui.checklist(self._checklist)
        steps: tuple[tuple[Key, Callable[[], Awaitable[None]]], ...] = (
            ("preflight", self._try_port_25),
            ("domain", self._domain),
            ("certificate", self._certificate),
            ("trust", self._trust),
            ("install", self._install),
            ("agents", self._agents),
        )
        at, asked = 0, [1]  # steps that have asked something, to which one may come back
        while at < len(steps):
            key, work = steps[at]
            self._move(key, "progress")
            try:
                await work()
            except Back:
                self._move(key, "pending")
                asked = [one for one in asked if one < at] or [1]
                at = asked[-1]
                continue
            except SetupCancelled:
                self._move(key, "pending")
                raise
            except BaseException as error:
                self._move(key, "failed", error.reason if isinstance(error, (Failed, Refused)) else "interrupted")
                raise
            if self._asks(key):
                asked.append(at)
            at += 1
        for note in texts.closing(self.answers.domain):
            self._ui.tell(note)

    def _asks(self, key: Key) -> bool:
        return key in ("domain", "trust") and self._checklist.line(key).state == "done"

    def _move(self, key: Key, state: State, reason: str = "") -> None:
        self._checklist = self._checklist.moved(key, state, reason)
        if state == "progress":
            self._ui.tell(Note("title", f"Step {step(key).number}: {step(key).title}"))
        self._ui.checklist(self._checklist)

    async def _try_port_25(self) -> None:
        if not self._options.preflight:
            self._ui.tell(Note("warn", "Port 25 was not tried, as asked for. `sudo aimx portcheck` does it any time."))
            self._move("preflight", "skipped", "not asked for")
            return
        with self._ui.working("Trying port 25, out and in"):
            found = await self._works.preflight(self._ui.tell)
        if found.holder is not None:
            raise PreflightFailed(texts.occupied(found.holder))
        if not found.outbound.ok and not found.outbound.unknown:
            self._ui.tell(Note("hint", "Providers that allow port 25:"))
            for provider in texts.PROVIDERS:
                self._ui.tell(Note("text", f"  • {provider}"))
        if not (found.outbound.ok and found.inbound.ok):
            blocked = any(not one.ok and not one.unknown for one in (found.outbound, found.inbound))
            raise PreflightFailed(texts.PORT_FAILED if blocked else texts.PORT_UNTRIED)
        self._preflight = found
        self._move("preflight", "done")

    async def _domain(self) -> None:
        await self._which_domain()
        made = self._works.pair(self.answers.domain)
        self._ui.tell(Note("ok", "Generated the DKIM keypair." if made else "The DKIM keypair is there already."))
        seen = self._preflight
        watch = self._works.watch(self.answers.domain, seen and seen.ipv4, seen and seen.ipv6)
        verified = await self._ui.records(watch)
        self._ui.tell(Note("ok", texts.VERIFIED) if verified else Note("hint", texts.DEFERRED))
        self._move("domain", "done")

    async def _which_domain(self) -> None:
        given, configured = self._options.domain, self._found.domain
        if given is not None:
            refusal = entries.domain_refusal(given)
            if refusal is not None:
                raise Refused(refusal)
            domain = given
        else:
            domain = await self._ui.domain(self.answers.domain or configured, entries.domain_refusal)
        if configured is not None and domain.lower() != configured.lower():
            if not await self._ui.confirm(texts.change_domain(configured, domain)):
                raise SetupCancelled(f"{texts.CANCELLED} {configured} stays as it is.")
        elif given is None and domain != configured:
            self._ui.tell(Note("text", f"Domain: {domain}"))
            if not await self._ui.confirm(texts.DOMAIN_RIGHT):
                await self._which_domain()
                return
            if not await self._ui.confirm(texts.DNS_ACCESS):
                raise SetupCancelled(texts.NO_DNS_ACCESS)
        self.answers = self.answers._replace(domain=domain)

    async def _certificate(self) -> None:
        if self._found.certificate and not self._makes_certificate():
            self._ui.tell(Note("text", f"{texts.CERTIFICATE_THERE}."))
            self._move("certificate", "skipped", texts.CERTIFICATE_THERE)
            return
        self._ui.tell(Note("ok", f"A self-signed certificate for {self.answers.domain} will be installed in step 5."))
        self._move("certificate", "done")

    def _makes_certificate(self) -> bool:
        """For another domain: one of the operator's own stays all the same."""
        if self._found.domain is None or self._found.domain.lower() == self.answers.domain.lower():
            return False
        return any(change.name == "certificate" for change in self._works.plan(self.answers))

    async def _trust(self) -> None:
        if self._found.trust is not None:
            self._ui.tell(Note("text", "Existing trust policy preserved."))
            if self._options.senders is not None:
                self._ui.tell(Note("warn", texts.SENDERS_NOT_TAKEN))
            self.answers = self.answers._replace(policy=False)
            self._move("trust", "skipped", texts.POLICY_KEPT)
            return
        self.answers = self.answers._replace(senders=await self._senders(), policy=True)
        self._move("trust", "done")

    async def _senders(self) -> tuple[str, ...]:
        """Those who are trusted; nobody only with a warning, and after a yes to it where somebody can say that."""
        while True:
            text = self._options.senders
            if text is None:
                text = await self._ui.senders(entries.senders_refusal, back=True)
            refusal = entries.senders_refusal(text)
            if refusal is not None:
                raise Refused(f"trusted senders: {refusal}")
            found = entries.senders(text)
            if not found:
                self._ui.tell(Note("warn", texts.NOBODY_TRUSTED))
            else:
                self._ui.tell(Note("text", "Trusted senders:"))
                for entry in found:
                    self._ui.tell(Note("text", f"  • {entry}"))
            if self._options.senders is not None:
                return found
            if await self._ui.confirm(texts.SENDERS_RIGHT if found else texts.NO_SENDERS, back=True):
                return found

    async def _install(self) -> None:
        if self._found.catchall is None:
            catchall = self._options.catchall
            if catchall is None:
                catchall = await self._ui.confirm(texts.CATCHALL, back=True)
            self.answers = self.answers._replace(catchall=catchall)
        else:
            self.answers = self.answers._replace(catchall=self._found.catchall)
            if self._found.catchall and self._options.catchall is False:
                self._ui.tell(Note("warn", texts.CATCHALL_STAYS))
        if not self._works.plan(self.answers) and self._found.installed:
            self._ui.tell(Note("text", f"{texts.INSTALLED}."))
            self._move("install", "skipped", texts.INSTALLED)
            return
        with self._ui.working("Installing"):
            await self._works.install(self.answers, self._ui.tell)
        self._move("install", "done")

    async def _agents(self) -> None:
        for note in texts.agents(tuple(agent.display for agent in registry.agents())):
            self._ui.tell(note)
        self._move("agents", "handoff")
