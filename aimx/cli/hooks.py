"""`aimx hooks`: list, create, delete; with hookruns.py runs, test, explain. `aimx hook` is the same."""

import argparse
import json
import os
import re
from typing import Any

from aimx.cli import asking, diagnostics, hookruns, output, prompt
from aimx.cli.hookruns import shown, table
from aimx.cli.parsing import Sub, subcommands
from aimx.errors import AnswerNeeded, DaemonRefused, Exit, Refused
from aimx.wire.frames import HookCreate, HookDelete, HookList, MailboxList

CRUD = "hook CRUD"
_NAME = r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}"
_EXAMPLE = """e.g. --cmd '["/bin/echo", "hello"]'"""
_COMMAND = 60  # characters of a command that a table shows
_SECONDS = 60  # the time limit of a hook that names none; an original daemon is only told another one


def arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands."""
    subcommands(parser, SUBCOMMANDS)


def run(options: argparse.Namespace) -> int:
    """Run the one that was chosen; a hook that nobody knows gets a tip."""
    try:
        return int(options.run(options))
    except DaemonRefused as error:
        if error.code == "ENOENT" and error.reason.startswith("hook "):
            return _unknown(options)
        raise


def _json(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON")


# list


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mailbox", metavar="NAME", help="only those of one mailbox of yours")
    parser.add_argument("--all", action="store_true", help="those of every mailbox (root only)")
    _json(parser, "the rows")


def _list(options: argparse.Namespace) -> int:
    if options.all and os.geteuid() != 0:
        raise Refused("not authorized: --all requires root (run with sudo)")
    rows = asking.ask(options, HookList(), CRUD).value()
    if options.mailbox is not None:
        rows = [row for row in rows if row["mailbox"] == options.mailbox]
        if not rows:
            _refuse_foreign(options)
    if options.json:
        output.write(json.dumps(rows, ensure_ascii=False, separators=(",", ":")))
    elif not rows:
        output.write("No hooks configured.")
    else:
        table(("NAME", "MAILBOX", "EVENT", "CMD"), [
            (row["name"], row["mailbox"], row["event"], command(row["cmd"])) for row in rows
        ])  # fmt: skip
    return 0


def _refuse_foreign(options: argparse.Namespace) -> None:
    """A mailbox without hooks is one thing, one that does not exist or is somebody else's another."""
    if all(row["name"] != options.mailbox for row in asking.ask(options, MailboxList(), CRUD).value()):
        if os.geteuid() == 0:
            raise DaemonRefused(f"mailbox-not-found: {options.mailbox}", code="ENOENT")
        raise DaemonRefused("not authorized", code="EACCES")


def command(cmd: list[str]) -> str:
    """A command as one line of JSON, shortened."""
    text = json.dumps(cmd, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= _COMMAND else text[: _COMMAND - 1] + "…"


# create


def _create_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--mailbox", metavar="NAME", required=True, help="the mailbox it belongs to, one of yours")
    add("--event", choices=("on_receive", "after_send"), required=True, help="on_receive or after_send")
    add("--cmd", metavar="JSON", required=True, help="""program and arguments, e.g. '["/bin/echo", "hello"]'""")
    add("--name", metavar="NAME", help="a name of its own; otherwise one is derived from what it does")
    add("--timeout-secs", metavar="N", type=int, default=_SECONDS, help="time limit in seconds, 1 to 600 [default: 60]")
    add("--fire-on-untrusted", action="store_true", help="fire for mail that is not trusted too (on_receive only)")
    add("--skip-automated", action="store_true", help="do not fire for mail that no person wrote (on_receive only)")
    _json(parser, "the new hook")


def _create(options: argparse.Namespace) -> int:
    if options.name is not None and not re.fullmatch(_NAME, options.name):
        raise Refused(f"invalid hook name '{options.name}': must match {_NAME}")
    for flag in ("fire_on_untrusted", "skip_automated"):
        if getattr(options, flag) and options.event != "on_receive":
            raise Refused(f"--{flag.replace('_', '-')} is only valid on --event on_receive")
    cmd = _cmd(options.cmd)
    body: dict[str, Any] = {"cmd": cmd, "fire_on_untrusted": options.fire_on_untrusted, "type": "cmd"}
    if options.timeout_secs != _SECONDS:
        body["timeout_secs"] = options.timeout_secs
    if options.skip_automated:
        body["skip_automated"] = True
    octets = json.dumps(body).encode()
    asked = asking.ask(options, HookCreate(options.mailbox, options.event, octets, options.name, "json"), CRUD)
    name = asked.value()["effective_name"] if asked.response.kind == "json" else _derived(options, cmd)
    if options.json:
        output.write(json.dumps({"effective_name": name, "mailbox": options.mailbox, "event": options.event}))
    else:
        output.good(f"Hook created: {name}{' (live via daemon)' if asked.live else ''}")
    asking.restart(asked)
    return 0


def _cmd(text: str) -> list[str]:
    """The argv of `--cmd`. Raises: Refused."""
    if not text.strip():
        raise Refused("--cmd must not be empty")
    try:
        cmd = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"--cmd must be a JSON array of strings, {_EXAMPLE}; parse error: {error}") from error
    if not isinstance(cmd, list) or not all(isinstance(word, str) for word in cmd):
        raise Refused(f"--cmd must be a JSON array of strings, {_EXAMPLE}; got: {text}")
    if not cmd:
        raise Refused("--cmd must be a non-empty JSON array of strings")
    return cmd


def _derived(options: argparse.Namespace, cmd: list[str]) -> str:
    """A daemon of another make does not tell the name; it derives it as we do."""
    from aimx.config import naming

    return options.name or naming.derived(options.event, tuple(cmd), options.fire_on_untrusted)


# delete


def _delete_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the hook, as `aimx hooks list` shows it")
    parser.add_argument("-y", "--yes", action="store_true", help="skip the confirmation prompt")
    _json(parser, "what was deleted")


def _delete(options: argparse.Namespace) -> int:
    name = options.name
    if not options.yes:
        if not prompt.interactive():
            raise AnswerNeeded(f"Deleting hook '{name}' has to be confirmed and nobody can be asked here: pass --yes")
        row = _row(options)
        if row is None:
            return _unknown(options)
        diagnostics.say("\n".join(map(shown, [
            "About to delete hook:", f"  name:    {row['name']}", f"  mailbox: {row['mailbox']}",
            f"  event:   {row['event']}", f"  timeout: {row['timeout_secs']}s", f"  cmd:     {command(row['cmd'])}",
        ])))  # fmt: skip
        if not prompt.confirm("Continue?", yes=False):
            diagnostics.say("Cancelled.")
            return 0
    asked = asking.ask(options, HookDelete(name), CRUD)
    if options.json:
        output.write(json.dumps({"deleted": name}))
    else:
        output.good(f"Hook deleted: {name}{' (live via daemon)' if asked.live else ''}")
    asking.restart(asked)
    return 0


def _row(options: argparse.Namespace) -> dict[str, Any] | None:
    rows = asking.ask(options, HookList(), CRUD).value()
    return next((row for row in rows if row["name"] == options.name), None)


def _unknown(options: argparse.Namespace) -> int:
    """No such hook among the caller's own, with the one that is meant perhaps."""
    from aimx.config import suggest

    diagnostics.error(f"Hook '{options.name}' not found")
    names = [row["name"] for row in asking.ask(options, HookList(), CRUD).value()]
    near = suggest.nearest(options.name, names)
    if near is not None:
        diagnostics.say(f"\n  tip: a similar hook exists: '{near}'")
    return Exit.FAILED


SUBCOMMANDS = (
    Sub("list", "List the hooks of the mailboxes you own", _list_arguments, _list),
    Sub("create", "Create a hook", _create_arguments, _create),
    Sub("delete", "Delete a hook", _delete_arguments, _delete),
    *hookruns.SUBCOMMANDS,
)
