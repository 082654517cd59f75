"""Every `aimx hooks create` of book/hook-recipes.md is typed, fired by mail, and its program writes down what it gets.

One daemon for all. Of a recipe only places are changed, by one table: where programs and logs are, whose server it is.
"""

import http.server
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

from aimx import client
from aimx.flows.fire import PATH
from aimx.wire.frames import Send
from tests.docs import pages
from tests.harness import DOMAIN, Daemon, owner
from tests.hooks.test_pool import rows, until
from tests.mailauth import signing

PAGE = pages.ROOT / "book" / "hook-recipes.md"
HOSTILE = "$(touch pwned) `touch pwned` \"; touch pwned; ' %s \\n $HOME | & > pwned"
ELSEWHERE = "boss@customer-co.com"
# What writes down argv (after its own name), environment, working directory and standard input, octet for octet.
RECORDER = """#!/bin/sh
d={records}/$AIMX_HOOK_NAME.{name}.$$
mkdir $d.part
cat /proc/$$/cmdline > $d.part/argv
cat /proc/$$/environ > $d.part/env
pwd -P > $d.part/cwd
cat > $d.part/stdin
{then}
mv $d.part $d
"""


class Recipe(NamedTuple):
    """One command of the page: its flags, and the hook's command as it stands there."""

    name: str
    mailbox: str
    event: str
    words: list[str]
    cmd: list[str]


def recipes() -> list[Recipe]:
    """In the order of the page."""
    found = []
    for block in pages.blocks(PAGE):
        words = shlex.split(block.text.replace("\\\n", " "))
        if words[:3] == ["aimx", "hooks", "create"]:
            of = {flag: words[words.index(f"--{flag}") + 1] for flag in ("name", "mailbox", "event", "cmd")}
            found.append(Recipe(of["name"], of["mailbox"], of["event"], words[1:], json.loads(of["cmd"])))
    return found


def agents(recipe: Recipe) -> list[str]:
    """The agents that a recipe starts."""
    return re.findall(r"/usr/local/bin/(\w+)", " ".join(recipe.cmd))


RECIPES = recipes()


class Posted(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted to the webhook."""

    taken: list[tuple[str, str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append((self.path, self.headers["Content-Type"], body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Kitchen:
    """A daemon with all recipes, and what their programs wrote down."""

    def __init__(self, daemon: Daemon, tree: Path, web: http.server.HTTPServer) -> None:
        self.daemon, self.tree = daemon, tree
        self.places = {
            "/usr/local/bin/": f"{tree}/bin/", "/bin/sh": f"{tree}/bin/sh", "/var/log/aimx/": f"{tree}/log/",
            "/tmp/": f"{tree}/", "https://hooks.example.com/": f"http://127.0.0.1:{web.server_port}/",
        }  # fmt: skip
        for directory in ("bin", "records", "log"):
            (tree / directory).mkdir()
        programs = {"ntfy": "", "sh": f'PATH={tree}/bin:$PATH /bin/sh "$@" < $d.part/stdin 2> $d.part/stderr'}
        for recipe in RECIPES:
            programs |= dict.fromkeys(agents(recipe), "")
        for name, then in programs.items():
            program = tree / "bin" / name
            program.write_text(RECORDER.format(records=tree / "records", name=name, then=then))
            program.chmod(0o755)
        # Tools of the system are the real ones where there are any.
        for tool, then in (("/usr/bin/curl", ""), ("/usr/bin/flock", 'shift; "$@" < $d.part/stdin')):
            if not os.access(tool, os.X_OK):
                self.places[tool] = f"{tree}/bin/{Path(tool).name}"
                program = Path(self.places[tool])
                program.write_text(RECORDER.format(records=tree / "records", name=program.name, then=then))
                program.chmod(0o755)

    def placed(self, text: str) -> str:
        """A text of the page, for the places of this test."""
        return re.sub("|".join(map(re.escape, self.places)), lambda found: self.places[found[0]], text)

    def aimx(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "aimx.cli.main", *words]
        return subprocess.run(argv, env=self.daemon.env, capture_output=True, text=True, timeout=60)

    def records(self, hook: str, program: str) -> list[Path]:
        """What a program wrote down in the runs of a hook."""
        return sorted(p for p in (self.tree / "records").glob(f"{hook}.{program}.*") if p.suffix != ".part")

    def record(self, hook: str, program: str) -> Path:
        """The same of the only run."""
        (found,) = self.records(hook, program)
        return found


@pytest.fixture(scope="module")
def web():
    """Somebody's web server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Posted,), {"taken": []}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory, web):
    tree = tmp_path_factory.mktemp("kitchen")
    boxes = "".join(
        f'[mailboxes.{name}]\naddress = "{name}@{DOMAIN}"\nowner = "{owner()}"\n'
        for name in sorted({recipe.mailbox for recipe in RECIPES})
    )
    config = f'domain = "{DOMAIN}"\ntrust = "verified"\ntrusted_senders = ["al@example.test"]\n{boxes}'
    zone = {"s1._domainkey.example.test": {"TXT": [signing.record()]}}
    with Daemon(tree / "daemon", config, zone) as daemon:
        signing.install(daemon.etc)
        os.kill(daemon.pid, 1)
        daemon.wait_log("event=config-reloaded")
        made = Kitchen(daemon, tree, web)
        for recipe in RECIPES:
            done = made.aimx(*map(made.placed, recipe.words))
            assert (done.returncode, done.stderr) == (0, ""), recipe.name
        yield made


@pytest.fixture(scope="module")
def fired(kitchen):
    """A trusted mail with a hostile subject to every mailbox, and three sends."""
    daemon = kitchen.daemon
    mailboxes = {recipe.mailbox for recipe in RECIPES if recipe.event == "on_receive"}
    plain = f"From: Al <al@example.test>\r\nTo: all@{DOMAIN}\r\nSubject: {HOSTILE}\r\n"
    octets = f"{plain}Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.test>\r\n\r\nHello\r\n".encode()
    daemon.send(signing.sign(octets, t=None), *(f"{name}@{DOMAIN}" for name in sorted(mailboxes)))
    for sender, rcpt in (("alice", f"alice@{DOMAIN}"), ("alerts", f"nobody@{DOMAIN}"), ("alerts", f"alice@{DOMAIN}"),
                         ("marketing", ELSEWHERE), ("marketing", f"nobody@{DOMAIN}")):  # fmt: skip
        text = f"From: {sender}@{DOMAIN}\r\nTo: {rcpt}\r\nSubject: {HOSTILE}\r\n\r\nHello\r\n"
        client.call(daemon.socket, Send(text.encode()))
    states = lambda: {state for (state,) in rows(daemon, "state")}  # noqa: E731
    until(lambda: states() <= {"done", "skipped"}, lambda: rows(daemon))
    return kitchen


def environment(record: Path) -> dict[str, str]:
    pairs = (record / "env").read_bytes().decode().split("\0")[:-1]
    return dict(pair.split("=", 1) for pair in pairs)


def argv(record: Path) -> list[str]:
    """What came after the program's own name (a script: after the shell's and its own)."""
    return (record / "argv").read_bytes().decode().split("\0")[2:-1]


def test_the_page_has_a_recipe_for_every_agent():
    named = {name for recipe in RECIPES for name in agents(recipe)}
    assert named == {"claude", "codex", "opencode", "gemini", "goose", "hermes"}
    assert {recipe.event for recipe in RECIPES} == {"on_receive", "after_send"}
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)
    assert PAGE.read_text().count("aimx hooks create \\\n") == len(RECIPES)


STANDING_IN = [recipe for recipe in RECIPES if recipe.cmd[0] != "/usr/bin/curl"]


@pytest.mark.parametrize("recipe", STANDING_IN, ids=lambda recipe: recipe.name)
def test_a_recipe_runs_its_program_with_the_mail(fired, recipe):
    after = recipe.event == "after_send"
    start = next(
        number for number, word in enumerate(recipe.cmd) if fired.placed(word).startswith(f"{fired.tree}/bin/")
    )
    name = Path(recipe.cmd[start]).name
    found = fired.records(recipe.name, name)
    sends = {"alice": 1, "alerts": 2, "marketing": 2}
    assert len(found) == (sends[recipe.mailbox] if after else 1)
    for record in found:
        assert argv(record) == [fired.placed(word) for word in recipe.cmd[start + 1 :]]
        env = environment(record)
        file = Path(env["AIMX_FILEPATH"])
        assert (record / "stdin").read_bytes() == file.read_bytes()
        assert file.parent == fired.daemon.data / ("sent" if after else "inbox") / recipe.mailbox
        assert file.stem == env["AIMX_ID"]
        assert (record / "cwd").read_text() == f"{fired.daemon.data.resolve()}/inbox/{recipe.mailbox}\n"
        assert (env["AIMX_HOOK_NAME"], env["AIMX_EVENT"]) == (recipe.name, recipe.event)
        assert (env["AIMX_MAILBOX"], env["AIMX_SUBJECT"]) == (recipe.mailbox, HOSTILE)
        assert (env["USER"], env["PATH"], "AIMX_SEND_STATUS" in env) == (owner(), PATH, after)
        assert env["AIMX_FROM"] == (f"{recipe.mailbox}@{DOMAIN}" if after else "Al <al@example.test>")
        assert set(env) >= {"AIMX_TO", "AIMX_DATE", "AIMX_MESSAGE_ID", "AIMX_JOB", "HOME", "LOGNAME", "SHELL"}


def test_every_run_ended_well(fired):
    """None was skipped, failed or took too long."""
    told = rows(fired.daemon, "hook, state, exit_code")
    assert {row[0] for row in told} == {recipe.name for recipe in RECIPES}
    assert {row[1:] for row in told} == {("done", 0)}


def test_the_webhook_gets_the_file_as_it_is(fired, web):
    if not os.access("/usr/bin/curl", os.X_OK):
        pytest.skip("no curl here")
    (path,) = fired.daemon.messages("alerts")
    posted = [taken for taken in web.RequestHandlerClass.taken if taken[0] == "/aimx"]
    assert posted == [("/aimx", "text/markdown", path.read_bytes())]


def test_only_the_recipients_that_are_meant_are_told(fired, web):
    if not shutil.which("curl"):
        pytest.skip("no curl here")
    posted = [taken for taken in web.RequestHandlerClass.taken if taken[0] == "/marketing-sent"]
    assert [taken[2] for taken in posted] == [b"to=boss%40customer-co.com&status=failed"]


def test_the_audit_log_has_the_subject_as_it_was(fired):
    line = f"delivered alice@{DOMAIN} {HOSTILE} alice_audit\n"
    assert (fired.tree / "log" / "alice-sent.log").read_text() == line


def test_only_what_did_not_arrive_raises_an_alarm(fired):
    assert argv(fired.record("alerts_failed_page", "ntfy")) == [
        "pub", "on-call", f"aimx send to nobody@{DOMAIN} failed: {HOSTILE}",
    ]  # fmt: skip


def test_a_notification_has_the_subject_as_it_was(fired):
    told = argv(fired.record("openclaw_notify", "ntfy"))
    assert told == ["pub", "openclaw-mail", f"New email: {HOSTILE} from Al <al@example.test>"]


def test_nothing_of_a_header_was_run(fired):
    assert not list(fired.tree.rglob("pwned"))
    assert all(path.read_text() == "" for path in (fired.tree / "records").glob("*/stderr"))
