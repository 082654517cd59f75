"""`aimx emails`: list, search, read, thread, mark. `aimx email` is the same.

Starts for one exchange with the daemon, so that it loads no library. Never touches a message file itself.
"""

import argparse
import json
import re
from collections.abc import Iterator
from typing import Any

from aimx import limits
from aimx.cli import asking, diagnostics, output, parsing, table
from aimx.cli.parsing import Sub, subcommands
from aimx.errors import DaemonRefused, Exit, Failed
from aimx.wire.frames import EmailList, EmailRead, EmailSearch, MarkRead, MarkUnread, Thread

ACCESS = "mail access"
_FRONTMATTER = re.compile(r"\A\+\+\+\r?\n(.*?)^\+\+\+\r?(?:\n|\Z)(?:\r?\n)?", re.DOTALL | re.MULTILINE)
_HEADERS = (
    ("folder", "--folder"), ("limit", "--limit"), ("offset", "--offset"), ("from_", "--from"), ("to", "--to"),
    ("subject", "--subject"), ("since", "--since"), ("before", "--before"), ("thread", "--thread"),
)  # fmt: skip
_FLAGS = (
    ("unread", True, "--unread"), ("unread", False, "--read"), ("has_attachment", True, "--has-attachment"),
    ("has_attachment", False, "--no-attachment"),
)  # fmt: skip


def arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands."""
    subcommands(parser, SUBCOMMANDS)


def run(options: argparse.Namespace) -> int:
    """Run the one that was chosen; a mailbox that nobody knows gets a tip."""
    try:
        return int(options.run(options))
    except DaemonRefused as error:
        code = diagnostics.failed(error)
        if error.code in ("EACCES", "ENOENT") and options.mailbox is not None:
            asking.similar_mailbox(options, options.mailbox)
        return code


# list and search


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mailbox", metavar="MAILBOX", nargs="?", help="the mailbox; without it all of yours")
    _narrowing(parser)


def _search_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("words", metavar="WORD", nargs="+", help='e.g. from:bob is:unread "two words"; one that begins with - after --')
    add("--mailbox", metavar="MAILBOX", help="search only this one; without it all of yours")
    _narrowing(parser)


def _narrowing(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--folder", choices=("inbox", "sent", "all"), help="which side of the mailbox (default: inbox)")
    read = parser.add_mutually_exclusive_group()
    read.add_argument("--unread", dest="unread", action="store_true", default=None, help="only mail that is unread")
    read.add_argument("--read", dest="unread", action="store_false", default=None, help="only mail that is read")
    files = parser.add_mutually_exclusive_group()
    with_, without = "only mail with attachments", "only mail without attachments"
    files.add_argument("--has-attachment", dest="has_attachment", action="store_true", default=None, help=with_)
    files.add_argument("--no-attachment", dest="has_attachment", action="store_false", default=None, help=without)
    add("--from", dest="from_", metavar="TEXT", help="the sender holds these words")
    add("--to", metavar="TEXT", help="the recipients hold these words")
    add("--subject", metavar="TEXT", help="the subject holds these words")
    add("--since", metavar="WHEN", help="from then on: 2026-11-01, 2026-11-01T08:00:00Z, 7d, today")
    add("--before", metavar="WHEN", help="before then")
    add("--thread", metavar="ID", help="with this thread_id")
    most = f"rows of a page (default: {limits.LIST_ROWS}, at most {limits.LIST_ROWS_MAX})"
    add("--limit", metavar="N", type=parsing.count, help=most)
    add("--offset", metavar="N", type=parsing.count, help="leave out so many of the newest")
    add("--cursor", metavar="CURSOR", help="go on where the page before ended; it was told there")
    add("--json", action="store_true", help='print {"emails": […], "next": …} as JSON')


def _list(options: argparse.Namespace) -> int:
    return _page(options, EmailList(**_asked(options)), ["list"])


def _search(options: argparse.Namespace) -> int:
    words = " ".join(" ".join(options.words).split())
    if not words:
        raise diagnostics.wrong_usage("there is nothing to search for", "aimx emails search [OPTIONS] WORD …")
    return _page(options, EmailSearch(words, **_asked(options)), ["search"])


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    names = ("mailbox", "cursor", "unread", "has_attachment", *(name for name, _ in _HEADERS))
    return {name: getattr(options, name) for name in names}


def _page(options: argparse.Namespace, request: EmailList | EmailSearch, command: list[str]) -> int:
    asked = asking.ask(options, request, ACCESS)
    if options.json:
        output.write_json(asked.response.body)
        return Exit.OK
    answer = asked.value()
    limit = min(limits.LIST_ROWS if options.limit is None else options.limit, limits.LIST_ROWS_MAX)
    while answer["next"] is not None and len(answer["emails"]) < limit:  # the search took longer than one answer may
        more = request._replace(cursor=answer["next"], offset=None, limit=limit - len(answer["emails"]))
        further = asking.ask(options, more, ACCESS).value()
        answer = {"emails": answer["emails"] + further["emails"], "next": further["next"]}
    _show(answer["emails"], options.mailbox is None, options.folder)
    if not answer["emails"] and answer["next"] is None:
        diagnostics.say("No mail." if command == ["list"] else "No mail found.")
    if answer["next"] is not None:
        diagnostics.say(f"next page: {_again(options, command, answer['next'])}")
    return Exit.OK


def _again(options: argparse.Namespace, command: list[str], cursor: str) -> str:
    """The command that shows the next page."""
    import shlex

    words = ["aimx", "emails", *command]
    if options.mailbox is not None:
        words += ["--mailbox", options.mailbox] if command == ["search"] else [options.mailbox]
    for name, flag in _HEADERS:
        if getattr(options, name) is not None and name != "offset":
            words += [flag, str(getattr(options, name))]
    words += [flag for name, value, flag in _FLAGS if getattr(options, name) is value]
    words += ["--data-dir", options.data_dir] if options.data_dir is not None else []
    words += ["--cursor", cursor]
    if command == ["search"]:
        words += ["--", *options.words]
    return shlex.join(words)


# What lists look like


def _show(emails: list[dict[str, Any]], mailboxes: bool, folder: str | None) -> None:
    if not emails:
        return
    columns = [table.Column("ID"), table.Column("STATE"), table.Column("DATE", wide=True)]
    columns += [table.Column("TO" if folder == "sent" else "FROM", least=8), table.Column("SUBJECT", least=6)]
    rows = [_row(email, folder) for email in emails]
    if any(email["attachments"] for email in emails):
        columns.insert(2, table.Column("FILES", wide=True))
        for row, email in zip(rows, emails, strict=True):
            row.insert(2, str(email["attachments"] or ""))
    if mailboxes:
        columns.insert(0, table.Column("MAILBOX"))
        for row, email in zip(rows, emails, strict=True):
            row.insert(0, email["mailbox"])
    heading, *shown = table.lines(columns, rows, table.terminal_width())
    output.write(output.bold(heading))
    for line, email in zip(shown, emails, strict=True):
        output.write(output.bold(line) if email.get("read") is False else line)


def _row(email: dict[str, Any], folder: str | None) -> list[str]:
    sent = email["folder"] == "sent"
    who = email["to"] if sent else email["from"]
    if sent and folder != "sent":
        who = f"to {who}"
    date = email["received_at"].replace("T", " ").removesuffix("Z")[:-3]  # without seconds
    return [email["id"], _state(email), date, who, email["subject"]]


def _state(email: dict[str, Any]) -> str:
    """In words: colours are not for everybody."""
    if email["folder"] == "sent":
        return str(email["delivery_status"] or "sent")
    if not email["readable"]:
        return "unreadable"
    words = ["" if email["read"] else "new", {"true": "trusted", "false": "untrusted"}.get(email["trusted"], "")]
    return " ".join(filter(None, words)) or "-"


# read


def _read_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    _one(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--body", action="store_true", help="only the text, without the frontmatter")
    how.add_argument("--json", action="store_true", help="print frontmatter and text as one JSON object")
    add("--raw", action="store_true", help="the file as it is, also on a terminal that would obey what is in it")
    add("--mark", action="store_true", help="mark it as read as well")


def _one(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mailbox", metavar="MAILBOX", help="the mailbox")
    parser.add_argument("id", metavar="ID", help="the email, as `aimx emails list` shows it")
    parser.add_argument("--folder", choices=("inbox", "sent"), help="which side of the mailbox (default: inbox)")


def _read(options: argparse.Namespace) -> int:
    if options.mark and options.folder == "sent":
        raise diagnostics.wrong_usage("--mark is for mail of the inbox", "aimx emails read [OPTIONS] MAILBOX ID")
    pieces = _pieces(options)
    if options.json:
        _write_parsed(list(pieces))
    elif options.body:
        text = "".join(piece["text"] for piece in pieces)
        _write(options, text[match.end() :] if (match := _FRONTMATTER.match(text)) else text)
    else:
        for piece in pieces:
            _write(options, piece["text"])
    if options.mark:
        asking.ask(options, MarkRead(options.mailbox, options.id), ACCESS)
    return Exit.OK


def _pieces(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Raises: Failed when the file is another one before its end."""
    at: int | None = 0
    version = None
    while at is not None:
        request = EmailRead(options.mailbox, options.id, options.folder, at)
        piece = asking.ask(options, request, ACCESS).value()
        if version not in (None, piece["version"]):
            raise Failed("the email was changed while it was read; read it again")
        version, at = piece["version"], piece["next"]
        yield piece


def _write(options: argparse.Namespace, text: str) -> None:
    if not options.raw and table.terminal_width() is not None:
        text = "\t".join(map(diagnostics.visible, text.replace("\r\n", "\n").split("\t")))
    output.write_octets(text.encode())


def _write_parsed(pieces: list[dict[str, Any]]) -> None:
    text = "".join(piece["text"] for piece in pieces)
    match = _FRONTMATTER.match(text)
    told = {key: pieces[0][key] for key in ("mailbox", "folder", "id", "path")}
    told["frontmatter"] = _fields(match[1]) if match else None
    told["body"] = text[match.end() :] if match else text
    output.write_json(json.dumps(told, ensure_ascii=False, default=_moment).encode())


def _moment(value: Any) -> str:
    """What TOML has and JSON has not: dates and times."""
    return str(value.isoformat()).removesuffix("+00:00") + ("Z" if str(value).endswith("+00:00") else "")


def _fields(block: str) -> dict[str, Any] | None:
    import tomllib

    try:
        return tomllib.loads(block, parse_float=_number)
    except (ValueError, RecursionError):
        return None


def _number(text: str) -> float | str:
    """JSON has no word for what is not finite."""
    return float(text) if "n" not in text else text


# thread


def _thread_arguments(parser: argparse.ArgumentParser) -> None:
    _one(parser)
    parser.add_argument("--json", action="store_true", help='print {"emails": […]} as JSON')


def _thread(options: argparse.Namespace) -> int:
    asked = asking.ask(options, Thread(options.mailbox, options.id, options.folder), ACCESS)
    if options.json:
        output.write_json(asked.response.body)
    else:
        _show(asked.value()["emails"], False, "all")
    return Exit.OK


# mark


def _mark_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mailbox", metavar="MAILBOX", help="the mailbox")
    parser.add_argument("ids", metavar="ID", nargs="+", help="emails of its inbox")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--read", dest="read", action="store_true", help="as read")
    which.add_argument("--unread", dest="read", action="store_false", help="as unread")
    parser.add_argument("--json", action="store_true", help="print what became of each as a JSON array")


def _mark(options: argparse.Namespace) -> int:
    verb = MarkRead if options.read else MarkUnread
    done: list[dict[str, Any]] = []
    for email_id in options.ids:
        try:
            asking.ask(options, verb(options.mailbox, email_id), ACCESS)
            done.append({"id": email_id, "read": options.read})
        except DaemonRefused as error:
            if error.code in ("EACCES", "ENOENT"):  # none of the others can fare better
                raise
            done.append({"id": email_id, "error": {"code": error.code, "message": error.reason}})
            if not options.json:
                diagnostics.failed(error)
    failed = sum("error" in one for one in done)
    if options.json:
        output.write_json(json.dumps(done, ensure_ascii=False).encode())
    elif failed < len(done):
        count = len(done) - failed
        emails = "1 email" if count == 1 else f"{count} emails"
        diagnostics.good(f"Marked {emails} as {'read' if options.read else 'unread'}.")
    return Exit.FAILED if failed else Exit.OK


SUBCOMMANDS = (
    Sub("list", "List mail, newest first", _list_arguments, _list),
    Sub("search", "Find mail by words, people, dates and more", _search_arguments, _search),
    Sub("read", "Print an email", _read_arguments, _read),
    Sub("thread", "Show the conversation that an email belongs to, oldest first", _thread_arguments, _thread),
    Sub("mark", "Mark mail as read or unread", _mark_arguments, _mark),
)
