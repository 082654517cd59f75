"""A daemon that sends to a mail server on loopback, a dashboard on it, and hands that write."""

from contextlib import asynccontextmanager

from aimx_tui.dash.app import Dashboard
from aimx_tui.dash.gateway import Gateway
from aimx_tui.dash.mail.screen import MailMode
from tests import mx
from tests.harness import DOMAIN, Daemon, owner
from tests.mailauth import signing
from tests.tui.dash.screens import settled, until

CONFIG = f"""\
domain = "{DOMAIN}"
allow_private_mx = true

[mailboxes.desk]
address = "desk@{DOMAIN}"
owner = "{owner()}"

[mailboxes.ops]
address = "ops@{DOMAIN}"
owner = "{owner()}"

[mailboxes.catchall]
address = "*@{DOMAIN}"
owner = "{owner()}"
"""


class Office:
    """Started and ended with `with`. `server`: where its mail goes."""

    def __init__(self, tree):
        self.server = mx.Server()
        self.daemon = Daemon(tree, CONFIG, mx.ZONE, AIMX_TEST_MX_PORT=str(self.server.port))
        signing.install(self.daemon.etc)

    def __enter__(self):
        self.daemon.__enter__()
        return self

    def __exit__(self, *_):
        self.daemon.__exit__()
        self.server.close()

    def taken(self, subject):
        """The messages of that subject that were delivered, each with its recipients."""
        line = f"Subject: {subject}\r\n".encode()
        return [(rcpts, octets) for rcpts, octets in self.server.taken if line in octets]

    def records(self, subject):
        """Its sent records."""
        found = [path.read_text() for box in ("desk", "ops") for path in self.daemon.messages(box, "sent")]
        return [text for text in found if f'subject = "{subject}"' in text]


@asynccontextmanager
async def dashboard(daemon, size=(110, 30)):
    """It and its pilot, once it is live."""
    app = Dashboard(Gateway(daemon.socket))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(app, pilot, "● live", "desk")
        yield app, pilot


async def back(app, pilot):
    """The mail is on the screen again."""
    await settled(app, pilot, lambda: isinstance(app.screen, MailMode), "the mail")


async def typed(pilot, text):
    """Key by key, as a person does."""
    await pilot.press(*("space" if c == " " else "enter" if c == "\n" else c for c in text))


async def write(app, pilot, to="", subject="", body="", wait="New letter"):
    """A new letter, with these in its fields."""
    await pilot.press("c")
    await until(app, pilot, wait)
    for name, value in (("to", to), ("subject", subject)):
        if value:
            app.screen.query_one(f"#field-{name}").value = value
    await pilot.pause()
    app.screen.query_one("#body").focus()
    await pilot.pause()
    if body:
        await typed(pilot, body)


async def said(app, pilot, *words):
    """A notice with all of them."""
    await settled(
        app, pilot, lambda: any(all(word in one.message for word in words) for one in app._notifications), words
    )
