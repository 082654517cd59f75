"""What an upgrade would do: decided from facts, shown by --dry-run, carried out by switch.py. Asks nothing."""

from pathlib import Path
from typing import Literal, NamedTuple

from aimx.errors import Refused
from aimx.provision.upgrade import semver

# The names of steps are told when one fails (reference 6.4).
Step = Literal[
    "preserve old binary", "stop service", "install new binary", "renew service file", "start service",
    "wait for service ready",
]  # fmt: skip
Kind = Literal["none", "upgrade", "repair", "downgrade"]
_SAID: dict[Step, str] = {
    "stop service": "stop aimx", "install new binary": "swap binary", "renew service file": "renew service file",
    "start service": "start aimx",
}  # fmt: skip


class Wanted(NamedTuple):
    """What was asked for. `version`: None is the latest."""

    version: str | None = None
    force: bool = False


class Service(NamedTuple):
    """The service as it was found. Only one that `runs` does so on the program that is exchanged.

    `start`: what the operator types. `other`: what program file it runs instead.
    """

    state: Literal["runs", "stopped", "other", "none"]
    start: str = ""
    other: str = ""


class Plan(NamedTuple):
    """One upgrade. `notes`: what the operator has to know or do."""

    kind: Kind
    current: str  # empty: the program there does not say
    target: str
    program: Path
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    source: str = ""  # name of the tarball

    @property
    def restarts(self) -> bool:
        """The service is on the new program in the end."""
        return "start service" in self.steps

    @property
    def actions(self) -> str:
        """The steps that change something, in a line."""
        return " → ".join(_SAID[step] for step in self.steps if step in _SAID)


def kind(current: str, target: str, wanted: Wanted) -> Kind:
    """Whether there is anything to do. Raises: Refused for a downgrade that nobody named."""
    now, then = semver.version(current), semver.version(target)
    if current == target:
        return "repair" if wanted.force else "none"
    if now is None or then is None or then >= now:
        return "upgrade"
    if wanted.version is None:
        raise Refused(
            f"the latest release is {target}, and this is {current}: going back is only done by name, "
            f"`sudo aimx upgrade --version {target}`"
        )
    return "downgrade"


def steps(service: Service, renew: bool = False) -> tuple[Step, ...]:
    """In order. Before the first of them nothing has been changed."""
    renewed: tuple[Step, ...] = ("renew service file",) if renew else ()
    if service.state != "runs":
        return ("preserve old binary", "install new binary", *renewed)
    begin: tuple[Step, ...] = ("preserve old binary", "stop service", "install new binary")
    return (*begin, *renewed, "start service", "wait for service ready")


def notes(service: Service, strays: tuple[int, ...]) -> tuple[str, ...]:
    """What upgrading leaves to the operator. `strays`: daemons on this program that no service started."""
    said = []
    if service.state == "stopped":
        said.append(f"The service does not run, and an upgrade does not start it: {service.start}")
    elif service.state == "other":
        said.append(f"The service runs {service.other}, another program file: it goes on with that.")
    elif service.state == "none" and not strays:
        said.append("No service runs this program here: restart the daemon yourself, if there is one.")
    said += [f"No service started the `aimx serve` that is process {pid}: restart it yourself." for pid in strays]
    return tuple(said)
