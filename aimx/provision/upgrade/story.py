"""`aimx upgrade`, from the question which release there is to the service that runs on it. Asks nobody anything.

Resolve, verify, stage: nothing of this machine changes. Then switch.py. Configuration, keys, mail and DNS are never
touched.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

import trio

from aimx import limits
from aimx.effects import lock
from aimx.errors import AimxError, Failed, Refused
from aimx.provision import gather, initsystem, probe
from aimx.provision import service as services
from aimx.provision.setup.site import Site
from aimx.provision.upgrade import archive, fetch, guard, manifest, plan, programs, sums, trees, unit
from aimx.provision.upgrade.fetch import Progress
from aimx.provision.upgrade.health import Health
from aimx.provision.upgrade.manifest import SIGNATURE, SUMS, Manifest
from aimx.provision.upgrade.place import Journal, Place
from aimx.provision.upgrade.plan import Plan, Wanted
from aimx.provision.upgrade.programs import Said
from aimx.provision.upgrade.switch import Machine, StepFailed, Switch, Tell, settle

_thread = trio.CapacityLimiter(1)


class Own(NamedTuple):
    """The program that upgrades, as it was built: its version, whose machine code, which keys it believes."""

    tag: str
    target: str
    keys: tuple[str, ...]


class Screen(NamedTuple):
    """What somebody is told meanwhile. Neither may raise."""

    tell: Tell
    progress: Progress


class Upgrade:
    """One run, for the program file of `site.program`.

    `url`: where the latest release is told of. `ready_s`: how long a daemon that starts is waited for.
    """

    def __init__(self, site: Site, own: Own, url: str, screen: Screen, ready_s: float = limits.SERVICE_READY_S) -> None:
        self._site, self._own, self._url, self._screen, self._ready_s = site, own, url, screen, ready_s
        self._program = Path(site.program[0])
        self._service = services.of(initsystem.detect(site.root), site.root)

    async def run(self, wanted: Wanted) -> Plan:
        """To another release. Raises: StepFailed; Failed; Refused."""
        with self._alone(), self._placed() as place:
            await self._settled(place)
            release = await self._resolve(wanted)
            kind = plan.kind(self._own.tag, release.tag, wanted)
            if kind == "none":
                return self._nothing(release.tag)
            if kind == "downgrade":
                self._screen.tell(f"{release.tag} is older than this {self._own.tag}: going back, as you asked")
            with self._beside() as file:
                await self._fetch(release, file)
                with _step("extract tarball"):
                    name = f"{manifest.stem(release.tag, self._own.target)}/aimx"
                    digest = await self._stage(place, lambda into: archive.program(file, name, into))
            return await self._exchange(place, self._own.tag, Said(release.tag, self._own.target), digest, kind)

    async def look(self, wanted: Wanted) -> Plan:
        """What `run` would do: everything up to the verified tarball, and nothing on this machine."""
        release = await self._resolve(wanted)
        kind = plan.kind(self._own.tag, release.tag, wanted)
        if kind == "none":
            return self._nothing(release.tag)
        with self._beside() as file:
            await self._fetch(release, file)
        service, strays, _ = await self._around()
        notes = (*self._unsettled(), *plan.notes(service, strays))
        return Plan(
            kind, self._own.tag, release.tag, self._program, plan.steps(service), notes,
            manifest.tarball(release.tag, self._own.target),
        )  # fmt: skip

    def _unsettled(self) -> tuple[str, ...]:
        """That an upgrade was killed."""
        place = Place(self._program)
        try:
            begun = place.begun()
        finally:
            place.close()
        if begun is None:
            return ()
        return (f"An upgrade to {begun.target} was interrupted: the next one ends that first.",)

    async def install(self, staged: Path) -> Plan:
        """To the release that this very program is, from a copy of it that somebody else has verified."""
        with self._alone(), self._placed() as place:
            await self._settled(place)
            current = await self._lying(place)
            with _step("extract tarball"), open(staged, "rb") as file:  # noqa: ASYNC230  a file of this disk

                def copy(into: BinaryIO) -> None:
                    while piece := file.read(limits.COPY_OCTETS):
                        into.write(piece)

                digest = await self._stage(place, copy)
            return await self._exchange(place, current, Said(self._own.tag, self._own.target), digest, "upgrade")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with lock.sole(self._site.root / "run/aimx-upgrade.lock", "`aimx upgrade`"):
            yield

    @contextmanager
    def _placed(self) -> Iterator[Place]:
        """However it ends: what was unpacked for a program that is not there now goes."""
        place = Place(self._program)
        try:
            yield place
        finally:
            for text in trees.prune(trees.base(self._site), place.programs):
                self._screen.tell(text)
            place.close()

    @contextmanager
    def _beside(self) -> Iterator[BinaryIO]:
        """A file without a name, on the disk that the program is on."""
        try:
            file = tempfile.TemporaryFile(dir=self._program.parent, buffering=0)  # noqa: SIM115
        except OSError as error:
            raise Failed(f"{self._program.parent}: {error.strerror}") from error
        with file:
            yield file

    async def _resolve(self, wanted: Wanted) -> Manifest:
        with _step("resolve manifest"):
            source = manifest.of_tag(self._url, wanted.version)
            found = manifest.parse(await fetch.octets(manifest.where(source), fetch.MANIFEST), source)
            if wanted.version is not None and found.tag != wanted.version:
                raise Failed(f"{source} is about {found.tag}, not about {wanted.version}")
            return found

    async def _fetch(self, release: Manifest, file: BinaryIO) -> None:
        """The tarball, verified. Raises: StepFailed."""
        source = manifest.where(manifest.of_tag(self._url, None))
        name = manifest.tarball(release.tag, self._own.target)
        with _step("fetch tarball"):
            small = {
                one: await fetch.octets(manifest.where(release.url(one), source), fetch.SUMS)
                for one in (SUMS, SIGNATURE)
            }
            url = manifest.where(release.url(name), source)
        with _step("verify tarball"):
            wanted = sums.of(sums.check(small[SUMS], small[SIGNATURE], self._own.keys), name)
        with _step("fetch tarball"):
            self._screen.tell(f"Fetching {name}")
            await fetch.into(file, url, fetch.TARBALL, self._screen.progress)
        with _step("verify tarball"):
            if await _in_thread(lambda: archive.digest(file)) != wanted:
                raise Failed(f"{name} is not what was released: its checksum is another one")

    async def _stage(self, place: Place, write: Callable[[BinaryIO], None]) -> str:
        try:
            return await _in_thread(lambda: place.stage(write))
        except BaseException:
            place.clear()
            raise

    async def _exchange(self, place: Place, current: str, wanted: Said, digest: str, kind: plan.Kind) -> Plan:
        async with AsyncExitStack() as guarded:
            try:
                with _step("extract tarball"):
                    found = await programs.said(place.new)
                    if found != wanted:
                        raise Failed(f"the program in it says that it is {found.tag} for {found.target}")
                old = place.digest()
                service, strays, health = await self._around()
                renewed = None
                if self._service is not None and service.state in ("runs", "stopped"):
                    renewed = await unit.renewal(self._site, self._service, place.program, place.new)
                if service.state == "runs":
                    with _step("stop service"):
                        await guarded.enter_async_context(guard.armed(self._site, self._ready_s))
            except BaseException:
                place.clear()
                raise
            journal = Journal(
                current=current, target=wanted.tag, old=old, new=digest, older=place.has_prev,
                keep=bool(current) and old != digest, smtp=health.smtp if health is not None else None,
                unit=renewed,
            )  # fmt: skip
            steps = plan.steps(service, renewed is not None)
            done = Plan(kind, current, wanted.tag, self._program, steps, plan.notes(service, strays))
            await Switch(Machine(place, self._service, health), journal, self._screen.tell).carry_out(done.steps)
        return done

    async def _lying(self, place: Place) -> str:
        """The version of the program at the path; empty when that does not run."""
        try:
            return (await programs.said(place.program)).tag
        except Failed:
            return ""

    async def _around(self) -> tuple[plan.Service, tuple[int, ...], Health | None]:
        """The service, daemons that somebody started on this program by hand, and where the service's is looked for."""
        init = initsystem.detect(self._site.root)
        program = str(self._program)
        found = await trio.to_thread.run_sync(probe.daemon, self._site.socket, limiter=_thread)
        other = programs.of(found.pid) if found.pid is not None else ""
        health = None
        state: Literal["runs", "stopped", "other", "none"] = "stopped" if init.service else "none"
        if self._service is not None and await self._service.active():
            state = "runs" if other in ("", program) else "other"
        if self._service is not None and state == "runs":
            smtp = gather.listens(found) if found.status is not None else self._site.smtp
            health = Health(self._service, self._site.socket, smtp, self._ready_s)
        # A daemon of the service that does not answer yet cannot be told from one by hand, but by systemd.
        known = found.pid is not None or state != "runs"
        strays = tuple(
            one.pid for one in programs.serving()
            if known and one.program == program and not one.service and (state != "runs" or one.pid != found.pid)
        )  # fmt: skip
        return plan.Service(state, init.command("start"), other), strays, health

    async def _settled(self, place: Place, guard_it: bool = True) -> None:
        """What an upgrade left that was killed is brought to an end. Raises: StepFailed; Failed."""
        journal = place.begun()
        if journal is None:
            place.clear()
            return
        health = None
        if self._service is not None and journal.smtp is not None:
            health = Health(self._service, self._site.socket, journal.smtp, self._ready_s)
        async with AsyncExitStack() as guarded:
            if journal.smtp is not None and guard_it:
                await guarded.enter_async_context(guard.armed(self._site, self._ready_s))
            await settle(Machine(place, self._service, health), journal, self._screen.tell)

    async def settle(self) -> None:
        """No upgrade: only the end of one that was killed. Raises: StepFailed; Failed."""
        with self._alone(), self._placed() as place:
            await self._settled(place, guard_it=False)

    def _nothing(self, tag: str) -> Plan:
        return Plan("none", self._own.tag, tag, self._program, ())


async def _in_thread(work: Callable[[], str]) -> str:
    """Not abandoned: whoever interrupts waits until it is whole."""
    return await trio.to_thread.run_sync(work, limiter=_thread)


@contextmanager
def _step(name: str) -> Iterator[None]:
    """Failures inside are those of this step, before anything was changed."""
    try:
        yield
    except (StepFailed, Refused):
        raise
    except (AimxError, OSError) as error:
        why = error.reason if isinstance(error, AimxError) else str(error.strerror)
        raise StepFailed(name, why) from error
