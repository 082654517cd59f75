"""All that the reader shows of a mail, as lines: header block, attachments, text, conversation. Pure; for a thread."""

from typing import Any, NamedTuple

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from aimx import limits
from aimx_tui import safe
from aimx_tui.dash.mail import document, words
from aimx_tui.dash.mail.document import Colours, Line, Link
from aimx_tui.dash.mail.reading import Message
from aimx_tui.dash.state import Mail

_LABEL = 10
_RULE = "─"


class Look(NamedTuple):
    """How it is to be drawn. `source`: the file as it is."""

    width: int
    colours: Colours = Colours()
    source: bool = False


class Body:
    """The text of one mail in one look, line by line as its pieces come."""

    def __init__(self, message: Message, look: Look) -> None:
        self.key, self.look = (message.key, message.version), look
        self.lines: list[Line] = []
        self.links: tuple[Link, ...] = ()
        self._done = 0
        if not look.source:
            first = document.split(message.body)[0]
            if message.next is not None or len(first) < len(message.body):
                first = first[: first.rfind("\n") + 1 or len(first)]
            drawn = document.markdown(first, look.width, look.colours)
            self.lines, self.links, self._done = list(drawn.lines), drawn.links, len(first)
            if message.next is not None or self._done < len(message.body):
                self.lines += ["", "─── from here on as it was written ───", ""]
        self.feed(message)

    def feed(self, message: Message) -> None:
        """What is new in it, up to the end of a line."""
        text = message.source if self.look.source else message.body
        end = len(text) if message.next is None else text.rfind("\n", self._done) + 1
        if end > self._done:
            self.lines += document.plain(text[self._done : end].removesuffix("\n"), self.look.width)
            self._done = end


def top(mail: Mail, message: Message | None, thread: tuple[Mail, ...], look: Look) -> list[Line]:
    """Subject, header block, attachments. Before the mail is there, what its row says."""
    fields = _of_row(mail) if message is None else message.fields
    console = Console(width=look.width, color_system="truecolor", force_terminal=True, markup=False)
    quiet, strong = look.colours.quiet, f"bold {look.colours.strong}"
    if fields is None:
        lines = _wrapped(
            console, Text("This mail has no frontmatter that can be read; below is all of it."), look.width
        )
        return [*lines, "", *_rule(quiet, look.width)]
    lines = _wrapped(console, Text(words.text(fields, "subject") or "(no subject)", strong), look.width)
    rows = [row for row in words.head(fields, mail.folder == "sent") if message or row.label in ("From", "To", "Date")]
    if len(thread) > 1:
        place = next((number for number, one in enumerate(thread, 1) if one.key == mail.key), 0)
        rows.append(words.Row("Thread", Text(f"{place} of {len(thread)}; all of it stands below, T lists it")))
    for number, file in enumerate(words.attachments(fields)):
        rows.append(words.Row("Files" if number == 0 else "", _file(number, file)))
    for label, text in rows:
        wrapped = _wrapped(console, text, look.width - _LABEL)
        for number, line in enumerate(wrapped):
            name = label if number == 0 else ""
            lines.append([Segment(name.ljust(_LABEL), Style.parse(quiet)), *line])
    return [*lines, *_rule(quiet, look.width)]


def bottom(mail: Mail, message: Message, thread: tuple[Mail, ...], look: Look) -> list[Line]:
    """What is missing, and the conversation."""
    lines: list[Line] = []
    if message.next is not None and len(message.source) >= limits.TUI_BODY_CHARACTERS:
        side = " --folder sent" if message.folder == "sent" else ""
        command = f"aimx emails read {message.mailbox} {message.id}{side}"
        lines += ["", f"… the rest is not loaded: {command}"]
    elif message.next is not None:
        rest = words.size(message.total - message.next)
        lines += ["", f"… {rest} more; going down loads it"]
    if len(thread) > 1:
        quiet = Style.parse(look.colours.quiet)
        lines += ["", [Segment(f"─── Conversation: {len(thread)} mails, oldest first ", quiet)]]
        lines += [_one(other, other.key == mail.key, look) for other in thread]
    return lines


def _one(mail: Mail, here: bool, look: Look) -> Line:
    sent = mail.folder == "sent"
    who = f"to {mail.to}" if sent else mail.from_
    sign = "❯ " if here else "  "
    text = f"{sign}{mail.received_at[:16].replace('T', ' ')}  {safe.line(who)}  {safe.line(mail.subject)}"
    line = Text(text)
    line.truncate(look.width, overflow="ellipsis")
    return [Segment(line.plain, Style(bold=here, meta={"mail": mail.key}))]


def _file(number: int, file: words.Attachment) -> Text:
    told = f"{safe.line(file.filename)} · {safe.line(file.content_type)} · {words.size(file.size)}"
    text = Text(told)
    text.stylize(Style(underline=True, meta={"attachment": number}), 0, len(safe.line(file.filename)))
    return text.append("  s saves, o opens" if number == 0 else "")


def _wrapped(console: Console, text: Text, width: int) -> list[Line]:
    lines = text.wrap(console, max(1, width), overflow="fold")
    base = console.get_style(text.style)  # of a text without spans `render` leaves it to the console
    return [[Segment(part.text, base + part.style) for part in line.render(console, end="")] for line in lines]


def _rule(quiet: str, width: int) -> list[Line]:
    return [[Segment(_RULE * min(width, limits.TUI_MEASURE), Style.parse(quiet))], ""]


def _of_row(mail: Mail) -> dict[str, Any]:
    return {"from": mail.from_, "to": mail.to, "subject": mail.subject, "date": mail.date or mail.received_at}
