"""The keys of the mail mode that write: compose, answer, forward, make and delete a mailbox."""

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from aimx_tui.dash import compose
from aimx_tui.dash.mail.opening import Opening
from aimx_tui.grid import Grid

if TYPE_CHECKING:
    from aimx_tui.dash.compose.letter import Kind


class Writing(Opening):
    """The mode with these keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "write('new')", "Compose", id="write.new", tooltip="Write a letter"),
        Binding("r", "write('reply')", "Reply", id="write.reply", tooltip="Answer its author"),
        Binding("R", "write('all')", "Reply all", id="write.all", show=False, tooltip="Answer everybody it went to"),
        Binding("f", "write('forward')", "Forward", id="write.forward", tooltip="Send it on to somebody else"),
        Binding("plus", "create_mailbox", "New mailbox", id="mailbox.create", show=False, tooltip="Make a mailbox"),
        Binding("D", "delete_mailbox", "Delete mailbox", id="mailbox.delete", show=False,
                tooltip="Delete the mailbox that the cursor is on; shows what goes and asks"),
    ]  # fmt: skip

    def on_mount(self) -> None:
        """What was written before is not forgotten."""
        self.dashboard.after_picture(lambda: compose.remind(self.dashboard))

    def action_write(self, kind: "Kind") -> None:
        """A letter; all but a new one are about the mail that is meant."""
        mail = None if kind == "new" else self.selected()
        if kind != "new" and mail is None:
            self.dashboard.say("No mail is chosen; c writes a new letter.", trouble=True)
        else:
            compose.open(self.dashboard, kind, mail)

    def action_create_mailbox(self) -> None:
        """One more."""
        from aimx_tui.dash import mailboxes

        mailboxes.create(self.dashboard)

    def action_delete_mailbox(self) -> None:
        """The one that the cursor is on, in the list of mailboxes."""
        from aimx_tui.dash import mailboxes

        found = self.query_one("#mailboxes", Grid).item
        name = found.name if found is not None and getattr(found, "registered", False) else ""
        box = next((box for box in self.dashboard.state.mailboxes if box.name == name and box.registered), None)
        if box is None:
            self.dashboard.say("The cursor is on no mailbox: h or Tab goes to them.", trouble=True)
        else:
            mailboxes.delete(self.dashboard, box.name)
