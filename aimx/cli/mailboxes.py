"""`aimx mailboxes`: create, list, show, delete. `aimx mailbox` is the same."""

import argparse
import json
import os
from typing import Any

from aimx.cli import asking, diagnostics, output, prompt
from aimx.cli.parsing import Sub, subcommands
from aimx.errors import AnswerNeeded, DaemonRefused, Refused
from aimx.wire.frames import MailboxCreate, MailboxDelete, MailboxList, MailboxShow

CRUD = "mailbox CRUD"
RESERVED = ("catchall", "aimx-catchall")
_NAME, _ADDRESS, _COMMAND = 20, 32, 60  # widths of columns; characters of a command that are shown


def arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands."""
    subcommands(parser, SUBCOMMANDS)


def run(options: argparse.Namespace) -> int:
    """Run the one that was chosen; a name that nobody knows gets a tip."""
    try:
        return int(options.run(options))
    except DaemonRefused as error:
        code = diagnostics.failed(error)
        if error.code in ("EACCES", "ENOENT") and getattr(options, "look", False):
            asking.similar_mailbox(options, options.name)
        return code


def _json(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON")


# list


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="every mailbox, whoever owns it (root only)")
    _json(parser, "the rows")


def _list(options: argparse.Namespace) -> int:
    if options.all and os.geteuid() != 0:
        raise Refused("not authorized: --all requires root (run with sudo)")
    asked = asking.ask(options, MailboxList(), CRUD)
    if options.json:
        output.write(asked.response.body.decode())
        return 0
    rows = asked.value()
    if not rows:
        output.write("No mailboxes configured.")
        return 0
    name = max(_NAME, *(len(_shown(row["name"])) for row in rows))
    address = max(_ADDRESS, *(len(_shown(row["address"] or "")) for row in rows))
    output.write(output.bold(f"{'MAILBOX':<{name}} {'ADDRESS':<{address}} {'TOTAL':>7} {'UNREAD':>7} {'SENT':>7}"))
    for row in rows:
        where = f"{_shown(row['name']):<{name}} {_shown(row['address'] or '-'):<{address}}"
        mark = "" if row["registered"] else output.yellow(" (unregistered)")
        output.write(f"{where} {row['total']:>7} {row['unread']:>7} {row['sent_count']:>7}{mark}")
    return 0


def _shown(text: str) -> str:
    return diagnostics.visible(text).replace("\n", "\\x0a")


# show


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the mailbox")
    parser.set_defaults(look=True)
    _json(parser, "the mailbox")


def _show(options: argparse.Namespace) -> int:
    asked = asking.ask(options, MailboxShow(options.name), CRUD)
    if options.json:
        output.write(asked.response.body.decode())
    else:
        output.write("\n".join(map(_shown, _page(asked.value()))))
    return 0


def _page(box: dict[str, Any]) -> list[str]:
    """As the guide shows it."""
    lines = [f"Mailbox: {box['name']}", f"  Address: {box['address']}", f"  Owner:   {box['owner']}"]
    lines += [f"  Trust:   {box['trust']}"]
    senders = [f"    - {sender}" for sender in box["trusted_senders"]]
    lines += ["  Trusted senders:", *senders] if senders else ["  Trusted senders: (none)"]
    lines += ["", "Hooks"]
    width = max((len(hook["name"]) for hooks in box["hooks"].values() for hook in hooks), default=0)
    for event, hooks in box["hooks"].items():
        lines += [f"  {event}", *(_hook(hook, width) for hook in hooks)] if hooks else [f"  {event}: (none)"]
    lines += ["", "Messages", f"  inbox: {box['total']} ({box['unread']} unread)", f"  sent:  {box['sent_count']}"]
    return lines


def _hook(hook: dict[str, Any], width: int) -> str:
    command = json.dumps(hook["cmd"], ensure_ascii=False, separators=(",", ":"))
    if len(command) > _COMMAND:
        command = command[: _COMMAND - 1] + "…"
    mark = "   [fire_on_untrusted=true]" if hook["fire_on_untrusted"] else ""
    return f"    - {hook['name']:<{width}}  cmd: {command}{mark}"


# create


def _create_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="its address will be NAME at the domain: [a-z0-9._-]")
    parser.add_argument("--owner", metavar="USER", help="the Linux user who will own it (root only; others own theirs)")
    _json(parser, "the new mailbox")


def _create(options: argparse.Namespace) -> int:
    from aimx.cli import owner

    if os.geteuid() == 0 and options.owner is None:
        from aimx.policy import mailboxname

        mailboxname.check(options.name)  # no question about the owner of what cannot be made
    whose = owner.choose(options)
    asked = asking.ask(options, MailboxCreate(options.name, whose if os.geteuid() == 0 else None), CRUD)
    if options.json:
        output.write(asking.ask(options, MailboxShow(options.name), CRUD).response.body.decode())
    else:
        output.good(f"Mailbox '{options.name}' created (owner: {whose}).")
    asking.restart(asked)
    return 0


# delete


def _delete_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the mailbox")
    parser.add_argument("-y", "--yes", action="store_true", help="skip the confirmation prompt")
    parser.add_argument("--force", action="store_true", help="wipe every email of it first; there is no undo")
    parser.set_defaults(look=True)
    _json(parser, "what was deleted")


def _delete(options: argparse.Namespace) -> int:
    name = options.name
    if name in RESERVED:
        raise Refused("Cannot delete the catchall mailbox")
    if not options.yes and not prompt.interactive():
        raise AnswerNeeded(f"Deleting mailbox '{name}' has to be confirmed and nobody can be asked here: pass --yes")
    if not options.yes and not _confirmed(options, name):
        diagnostics.say("Cancelled.")
        return 0
    asked = asking.ask(options, MailboxDelete(name, options.force), CRUD)
    if options.json:
        output.write(json.dumps({"deleted": name, "force": options.force}))
    else:
        output.good(f"Mailbox '{name}' deleted.")
        tidy = "`rmdir` tidies them up" if os.geteuid() == 0 else "root may `rmdir` them"
        diagnostics.say(f"  The empty directories inbox/{name}/ and sent/{name}/ stay on disk; {tidy}.")
    asking.restart(asked)
    return 0


def _confirmed(options: argparse.Namespace, name: str) -> bool:
    inbox, sent = _counts(options, name)
    if not options.force:
        return prompt.confirm(f"Delete mailbox '{name}' ({inbox} in inbox, {sent} in sent)?", yes=False)
    diagnostics.say(
        f"DESTRUCTIVE: About to permanently delete mailbox '{name}':\n"
        f"  inbox/{name}/: {inbox} file(s)\n  sent/{name}/:  {sent} file(s)"
    )
    return prompt.confirm("Continue?", yes=False)


def _counts(options: argparse.Namespace, name: str) -> tuple[str, str]:
    """What will be lost; a daemon of another version may not tell. Raises: DaemonRefused."""
    try:
        box = asking.ask(options, MailboxShow(name), CRUD).value()
    except DaemonRefused as error:
        if error.code == "PROTOCOL":
            return "?", "?"
        raise
    return str(box["total"]), str(box["sent_count"])


SUBCOMMANDS = (
    Sub("create", "Register a mailbox and make its directories", _create_arguments, _create),
    Sub("list", "List the mailboxes you own", _list_arguments, _list),
    Sub("show", "Show one mailbox: policy, hooks, counts", _show_arguments, _show),
    Sub("delete", "Delete a mailbox", _delete_arguments, _delete),
)
