"""Mode 1: what is done with the mail that is shown: links, attachments, its id and path.

The dialogs are loaded when they are first asked for: the first picture has none.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from aimx import errors
from aimx.errors import AimxError
from aimx_tui import safe
from aimx_tui.dash import compose
from aimx_tui.dash.mail import words
from aimx_tui.dash.mail.reader import Reader
from aimx_tui.dash.mail.seeking import Seeking
from aimx_tui.dash.mail.words import Attachment
from aimx_tui.dash.state import Mail
from aimx_tui.dash.working import later

if TYPE_CHECKING:
    from aimx_tui.dash.mail.document import Link


class Handling(Seeking):
    """Each asks in a dialog before anything leaves this program."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "link", "Links", id="mail.link", show=False, tooltip="Where a link leads; then copy or open it"),
        Binding("s", "save", "Save file", id="mail.save", show=False, tooltip="Save an attachment"),
        Binding("o", "open", "Open file", id="mail.open", show=False, tooltip="Open an attachment in its program"),
        Binding("y", "copy_id", "Copy id", id="mail.copy_id", show=False, tooltip="The id of it to the clipboard"),
        Binding("Y", "copy_path", "Copy path", id="mail.copy_path", show=False,
                tooltip="The path of the mail's file to the clipboard"),
    ]  # fmt: skip

    def action_link(self) -> None:
        """One of those in the text."""
        found = self.reader.links
        if not found:
            self._trouble("This text has no links.")
        elif len(found) == 1:
            self.follow(found[0])
        else:
            lines = [f"[{number}] {_label(link)}" for number, link in enumerate(found, 1)]
            self._choose("Links", lines, lambda number: self.follow(found[number]))

    def on_reader_followed(self, followed: Reader.Followed) -> None:
        """By a click."""
        self.follow(followed.link)

    def follow(self, link: "Link") -> None:
        """Show where it leads first."""
        from aimx_tui.dash.mail import links
        from aimx_tui.dash.mail.dialogs import Leading

        def answered(answer: str | None) -> None:
            if answer == "open":
                self.run_worker(later(self._browse, link), group="browse", exclusive=True)
            elif answer == "write":
                self.write_to(links.judge(link).address)
            elif answer == "copy":
                self._copy(link.target, "the target of the link")

        self.app.push_screen(Leading(link), answered)

    async def _browse(self, link: "Link") -> None:
        from aimx_tui.dash.mail import launching

        try:
            await launching.open_url(link.target)
        except AimxError as error:
            self._trouble(errors.told(error))
        else:
            self.dashboard.say("Handed to the browser.")

    def write_to(self, address: str) -> None:
        """A letter to somebody that a link names."""
        compose.open(self.dashboard, "new", to=address)

    def action_save(self) -> None:
        """An attachment, or one of them."""
        self._with_file("Save which attachment?", self._save)

    def action_open(self) -> None:
        """An attachment, or one of them."""
        self._with_file("Open which attachment?", self._open_file)

    def on_reader_attached(self, attached: Reader.Attached) -> None:
        """A click on one saves it."""
        files = words.attachments(self.reader.message.fields if self.reader.message else None)
        if self.reader.mail is not None and attached.number < len(files):
            self._save(self.reader.mail, files[attached.number])

    def _with_file(self, title: str, does: Callable[[Mail, Attachment], None]) -> None:
        mail, message = self.reader.mail, self.reader.message
        files = words.attachments(message.fields if message else None)
        if mail is None or message is None:
            self._trouble("No mail is shown.")
        elif not files:
            self._trouble("This mail has no attachments.")
        elif len(files) == 1:
            does(mail, files[0])
        else:
            lines = [f"{file.filename} · {file.content_type} · {words.size(file.size)}" for file in files]
            self._choose(title, lines, lambda number: does(mail, files[number]))

    def _save(self, mail: Mail, file: Attachment) -> None:
        from aimx_tui.dash.mail.fetching import Save

        def done(path: str | None) -> None:
            if path is not None:
                self.dashboard.say(f"Saved as {path}")

        self.app.push_screen(Save(self.dashboard.gateway, mail, file), done)

    def _open_file(self, mail: Mail, file: Attachment) -> None:
        from aimx_tui.dash.mail import launching
        from aimx_tui.dash.mail.fetching import Open

        def done(said: str | None) -> None:
            if said is not None:
                self.dashboard.say(said)

        if launching.opener() is None:
            self._trouble(launching.NO_OPENER)
        else:
            self.app.push_screen(Open(self.dashboard.gateway, mail, file), done)

    def action_copy_id(self) -> None:
        """As commands take it."""
        mail = self.selected()
        if mail is not None:
            self._copy(mail.id, "the id")

    def action_copy_path(self) -> None:
        """Of the file."""
        mail, message = self.selected(), self.reader.message
        path = message.path if message and mail and message.key == mail.key else mail.path if mail else ""
        if path:
            self._copy(path, "the path")

    def _copy(self, text: str, what: str) -> None:
        self.app.copy_to_clipboard(text)
        self.dashboard.say(f"Copied {what}: {safe.line(text)[:120]}")

    def _choose(self, title: str, lines: list[str], does: Callable[[int], None]) -> None:
        from aimx_tui.dash.mail.dialogs import Choose

        def chosen(number: int | None) -> None:
            if number is not None:
                does(number)

        self.app.push_screen(Choose(title, lines), chosen)

    def _trouble(self, text: str) -> None:
        self.dashboard.say(text, trouble=True)


def _label(link: "Link") -> str:
    return link.target if link.label == link.target else f"{link.label[:40]} → {link.target}"
