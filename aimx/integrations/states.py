"""Which agents somebody has, and how far aimx is wired into each. Looks at files in a home, changes nothing."""

from aimx import limits
from aimx.integrations import bundle, homefiles
from aimx.integrations.api import Seen, State
from aimx.integrations.homes import Home
from aimx.integrations.registry import Agent, agents


def look(home: Home) -> tuple[Seen, ...]:
    """Every agent of the registry, in its order."""
    return tuple(one(agent, home) for agent in agents())


def one(agent: Agent, home: Home) -> Seen:
    """One agent. What may not be looked at counts as absent."""
    destination = home.path(agent.files.destination)
    try:
        main = destination / bundle.main_file(agent)
        text: str | None = homefiles.read(main, limits.AGENT_BUNDLE_CHARS, errors="replace")
    except OSError:
        text = None
    if text is not None and bundle.NAME in text:
        version = bundle.version_of(text)
        return Seen(agent, "wired" if version == bundle.stamp(agent) else "stale", destination, version)
    try:
        installed = home.path(agent.files.detected).is_dir()
    except OSError:
        installed = False
    state: State = "installed" if installed else "not-detected"
    return Seen(agent, state, destination, None)
