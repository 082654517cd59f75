"""`aimx agents`: wire agents of the user who asks, list them with their state, take them out again."""

import argparse
import json
import os
import pwd
import sys
from pathlib import Path

from aimx.cli import diagnostics, output, prompt
from aimx.cli.agents_text import Sayer, summary, table
from aimx.cli.parsing import Sub, subcommands
from aimx.config import paths
from aimx.errors import Exit, Failed, Refused
from aimx.integrations import bundle, homefiles, homes, install, nanoclaw, program, registry, remove, snippets, states
from aimx.integrations.api import Program
from aimx.integrations.homes import Home
from aimx.integrations.registry import Agent


def arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands."""
    subcommands(parser, SUBCOMMANDS)


def run(options: argparse.Namespace) -> int:
    """Run the one that was chosen."""
    return int(options.run(options))


def _setup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent", nargs="?", metavar="AGENT", help="the one to install; without it you are asked")
    parser.add_argument("--list", action="store_true", help="print the supported agents and their state; ask nothing")
    parser.add_argument("--no-interactive", action="store_true", help="never ask: without AGENT the same as --list")
    parser.add_argument("--force", action="store_true", help="overwrite files that are there already")
    parser.add_argument("--print", action="store_true", help="print what would be written, and write nothing")
    _root(parser)


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON array")


def _remove_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent", metavar="AGENT", help="the one to remove from")
    _root(parser)


def _root(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dangerously-allow-root", action="store_true", help="wire the agents of root's own home")


def _setup(options: argparse.Namespace) -> int:
    if options.list:
        return _listed(as_json=False)
    return _one(options) if options.agent is not None else _choose(options)


def _list(options: argparse.Namespace) -> int:
    return _listed(options.json)


def _listed(as_json: bool) -> int:
    home = _home()
    seen = states.look(home)
    if as_json:
        rows = [
            {
                "name": one.agent.name, "display": one.agent.display, "state": one.state,
                "destination": str(one.destination), "version": one.version,
            }
            for one in seen
        ]  # fmt: skip
        output.write(json.dumps(rows))
    else:
        output.write(table(seen))
    return Exit.OK


def _one(options: argparse.Namespace) -> int:
    agent = _named(options.agent)
    if options.print:
        return _print(agent, program.ours(paths.data_dir_override(options.data_dir)))
    home = _user_home(options, "setup")
    ours = program.ours(paths.data_dir_override(options.data_dir))
    sayer = Sayer()
    asked = _never if options.no_interactive or not prompt.interactive() else sayer.overwrite
    outcome = install.install(agent, home, ours, force=options.force, tell=sayer.tell, overwrite=asked)
    if outcome.error is not None:
        raise Failed(outcome.error)
    return Exit.OK


def _never(_: tuple[Path, ...]) -> bool:
    return False


def _print(agent: Agent, ours: Program) -> int:
    home = _home()
    after = _activation(agent, home, ours)
    for file in bundle.files(agent, ours):
        output.write(f"=== {file.path} ===\n{file.text}")
    output.write(f"=== activation ===\n{after}")
    return Exit.OK


def _activation(agent: Agent, home: Home, ours: Program) -> str:
    if agent.activation.kind != "merge":
        return "\n".join(note.text for note in install.activation(agent, home, ours))
    try:
        return nanoclaw.preview(home.path(agent.activation.file), ours).rstrip("\n")
    except OSError as error:
        raise Failed(homefiles.told(error)) from error


def _choose(options: argparse.Namespace) -> int:
    """Nobody was named: the picker, where somebody sits who can use it."""
    if options.print:
        raise diagnostics.wrong_usage("--print needs the name of an agent", "aimx agents setup <AGENT> --print")
    home = _user_home(options, "setup")
    if options.no_interactive or not prompt.interactive() or not sys.stdout.isatty():
        return _told()
    from aimx_tui import terminal

    if not terminal.suitable():
        return _told()
    from aimx_tui.agents import app, choice

    begin = choice.begin(states.look(home))
    if begin is None:
        names = ", ".join(agent.display for agent in registry.agents())
        output.write(f"None of the supported agents was found for this user: {names}.")
        return Exit.OK
    chosen = app.ask(home.user, begin)
    if chosen is None:
        output.write("Cancelled. No agents were wired.")
    elif not chosen:
        output.write("No agents selected. Nothing to do.")
    else:
        ours = program.ours(paths.data_dir_override(options.data_dir))
        return _all(tuple(row.agent for row in chosen), home, ours, options.force)
    return Exit.OK


def _told() -> int:
    """What there is, and how to install one, for who cannot be asked."""
    _listed(as_json=False)
    diagnostics.say("\nTo install one: aimx agents setup <AGENT>")
    return Exit.OK


def _all(agents: tuple[Agent, ...], home: Home, ours: Program, force: bool) -> int:
    """One after the other; one that fails does not stop the rest. The picker has asked, so files are refreshed."""
    sayer = Sayer()
    outcomes = []
    for agent in agents:
        output.write(f"\n==> {agent.display}")
        outcomes.append(install.install(agent, home, ours, force=force, tell=sayer.tell, overwrite=lambda _: True))
    output.write(f"\nSummary\n{summary(tuple(outcomes))}")
    return Exit.FAILED if any(outcome.error is not None for outcome in outcomes) else Exit.OK


def _remove(options: argparse.Namespace) -> int:
    agent = _named(options.agent)
    outcome = remove.remove(agent, _user_home(options, "remove"), Sayer().tell)
    if outcome.error is not None:
        raise Failed(outcome.error)
    return Exit.OK


def _named(name: str) -> Agent:
    found = registry.find(name)
    if found is None:
        raise Refused(f"unknown agent '{name}'; run `aimx agents list` to see supported agents")
    return found


def _user_home(options: argparse.Namespace, action: str) -> Home:
    _refuse_root(options, action)
    return _home()


def _refuse_root(options: argparse.Namespace, action: str) -> None:
    if os.geteuid() == 0 and not options.dangerously_allow_root:
        words = " ".join(("aimx agents", action, options.agent or "")).strip()
        user = snippets.shell((os.environ["SUDO_USER"],)) if os.environ.get("SUDO_USER") else "<user>"
        raise Refused(
            f"agents are wired by the user who runs them, not by root. Run it as that user:\n  sudo -u {user} {words}\n"
            f"On a machine whose only user is root:\n  {words} --dangerously-allow-root"
        )


def _home() -> Home:
    """Of whoever asks; root's is the one of its account, whatever the environment of a sudo says."""
    try:
        entry = pwd.getpwuid(os.geteuid())
    except KeyError:
        entry = None
    name = entry.pw_name if entry is not None else None
    if os.geteuid() == 0:
        return homes.of(name, Path(entry.pw_dir if entry is not None else "/root"), {})
    given = os.environ.get("HOME", "")
    if not given.startswith("/"):
        if entry is None:
            raise Refused("HOME is not set and this user has no account: nobody knows where his home is")
        given = entry.pw_dir
    return homes.of(name, Path(given), os.environ)


SUBCOMMANDS = (
    Sub("setup", "Install the skill and MCP server of aimx into agents of yours", _setup_arguments, _setup),
    Sub("list", "Show the supported agents and how far each is wired", _list_arguments, _list),
    Sub("remove", "Take aimx out of an agent again", _remove_arguments, _remove),
)
