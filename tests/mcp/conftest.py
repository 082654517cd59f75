"""One daemon for all tests of this directory, whose mail goes to a directory, and a mailbox for each test."""

import itertools
import json
import os

import pytest

from aimx import client
from aimx.wire.frames import Ingest, MailboxCreate, MailboxDelete
from tests.harness import DOMAIN, Daemon, mail, owner
from tests.mailauth import signing
from tests.mcp.agent import ERAS, Agent

_numbers = itertools.count(1)


class Box:
    """A mailbox of the test's own."""

    def __init__(self, daemon: Daemon, name: str) -> None:
        self.daemon = daemon
        self.name = name

    def receive(self, octets: bytes | None = None, **headers: str) -> str:
        """Mail arrives; its id."""
        octets = mail(**headers) if octets is None else octets
        response = client.call(self.daemon.socket, Ingest(f"{self.name}@{DOMAIN}", octets))
        return json.loads(response.body)["id"]

    def files(self, folder: str = "inbox"):
        """The message files."""
        return self.daemon.messages(self.name, folder)


@pytest.fixture(scope="package")
def post(tmp_path_factory):
    """The daemon; `sent()` is what left it."""
    tree = tmp_path_factory.mktemp("mcp")
    (tree / "drop").mkdir()
    catchall = f'[mailboxes.catchall]\naddress = "*@{DOMAIN}"\nowner = "{owner()}"\n'
    ops = f'[mailboxes.ops]\naddress = "ops@{DOMAIN}"\nowner = "{owner()}"\n'
    config = f'domain = "{DOMAIN}"\nsignature = ""\n{ops}{catchall}'
    made = Daemon(tree, config, AIMX_TEST_MAIL_DROP=str(tree / "drop"))
    signing.install(made.etc)
    with made:
        yield made


@pytest.fixture
def daemon(post, monkeypatch):
    """The daemon that clients in this process ask."""
    monkeypatch.setenv("AIMX_RUNTIME_DIR", str(post.run))
    return post


@pytest.fixture
def box(daemon):
    """A new mailbox."""
    name = f"box-{os.getpid()}-{next(_numbers)}"
    response = client.call(daemon.socket, MailboxCreate(name, owner() if os.geteuid() else None))
    if response.kind == "error":  # root has to say whose it is, and it cannot be root's
        response = client.call(daemon.socket, MailboxCreate(name, "nobody"))
    assert response.kind == "ok", response
    yield Box(daemon, name)
    client.call(daemon.socket, MailboxDelete(name, True))  # each change costs as much as there are mailboxes


@pytest.fixture(params=ERAS)
def agent(request, daemon):
    """The agent, in each era."""
    return Agent(request.param)


@pytest.fixture
def sent(daemon):
    """What leaves during the test: call it for the one message."""
    drop = daemon.tree / "drop"
    before = set(drop.iterdir())

    def one() -> bytes:
        (path,) = set(drop.iterdir()) - before
        return path.read_bytes()

    return one
