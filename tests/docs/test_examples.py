"""Examples of the book are typed into a shell, beside a real daemon. Each block of commands is in one of three
tables.

TYPED are run here. ELSEWHERE are run by another test. ONLY_READ are not run, for the reason that is told; what they
tell `aimx` to do is still understood by its parser (test_pages).
"""

import json
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.cli import post
from tests.docs import pages
from tests.docs.pages import PAGES, ROOT
from tests.harness import owner

NAMES = ("support", "accounts", "triage", "research", "notes", "ops", "openclaw", "hermes", "alerts", "alice",
         "marketing", "bugs")  # fmt: skip
CONFIG = 'domain = "agent.example.com"\n' + "".join(
    f'[mailboxes.{name}]\naddress = "{name}@agent.example.com"\nowner = "root"\n' for name in NAMES
)
IDS = ("2026-11-21-081500-quarterly-report", "2026-11-20-091011-hello", "2026-05-04-101500-hi")
MESSAGE = """+++
id = "{id}"
message_id = "{id}@example.org"
from = "Bob B <bob@example.com>"
to = "support@agent.example.com"
subject = "Quarterly report with an invoice"
trusted = "none"
mailbox = "{mailbox}"
read = false
+++

Hello.
"""

SOMEBODY = "nobody" if os.geteuid() == 0 else owner()

# A page, and how a block begins: (what is put in place of what, standard input).
TYPED: dict[tuple[str, str], dict[str, str]] = {
    ("getting-started.md", "aimx mailboxes create support"): {},
    ("hooks.md", "aimx hooks create --mailbox support"): {"delete note": "delete --yes note"},
    ("hooks.md", "aimx hooks runs --hook note"): {},
    # The daemon is nobody's root, so it cannot give a directory away; nobody is asked without a terminal.
    ("mailboxes-and-email.md", "aimx mailboxes create support"): {
        "--owner billing-agent": f"--owner {SOMEBODY}",
        "mailboxes delete support": "mailboxes delete --yes --force support",
    },
    ("reading.md", "aimx emails list"): {},
    ("reading.md", "aimx emails search invoice"): {},
    ("reading.md", "aimx emails read support"): {},
    ("reading.md", "aimx emails mark support"): {},
    ("dns.md", "aimx dns records"): {},
    ("configuration.md", "aimx dns records --ipv6"): {},
    ("mcp.md", "printf"): {},
    ("hook-recipes.md", "aimx hooks runs"): {},
    ("setup.md", "aimx mailboxes create hi"): {},
    ("cli.md", "sudo aimx ingest"): {},
    ("getting-started.md", "sudo aimx ingest"): {},
    ("troubleshooting.md", "sudo aimx reindex"): {},
}  # fmt: skip
# A page, and how a block begins: the test that types it, or the same commands on a machine of their own.
ELSEWHERE = {
    ("sending.md", "# Markdown"): "tests/docs/test_sending.py::test_examples_send",
    ("sending.md", "aimx send --from"): "tests/docs/test_sending.py::test_examples_send",
    (
        "sending.md",
        "mkdir /tmp/letters",
    ): "tests/daemon/test_send_story.py::test_a_submission_leaves_signed_and_is_recorded",
    ("cli.md", "aimx send --from"): "tests/docs/test_sending.py::test_examples_send",
    (
        "hook-recipes.md",
        "aimx hooks create",
    ): "tests/hooks/test_recipes.py::test_a_recipe_runs_its_program_with_the_mail",
    (
        "hook-recipes.md",
        "aimx hooks test accounts_claude",
    ): "tests/daemon/test_hook_runs.py::test_without_a_message_there_is_a_sample",
    ("hook-recipes.md", "sudo aimx ingest accounts"): "tests/cli/test_ingest.py",
    ("agents.md", "aimx agents setup"): "tests/cli/test_agents.py::test_a_whole_round",
    ("events.md", "aimx watch"): "tests/cli/test_watch.py::test_one_line_for_each_event_and_ctrl_c_is_quiet",
    ("tui.md", "aimx tui"): "tests/tui/test_dashboard_terminal.py::test_a_day_at_the_dashboard",
    ("setup.md", "sudo aimx setup"): "tests/root/test_setup.py::test_a_bare_machine_becomes_a_mail_server",
    ("setup.md", "sudo AIMX_NONINTERACTIVE=1"): "tests/root/test_setup.py::test_a_bare_machine_becomes_a_mail_server",
    ("setup.md", "sudo aimx uninstall"): "tests/root/test_uninstall.py::test_the_service_goes_and_the_rest_stays",
    ("upgrading.md", "sudo aimx upgrade"): "tests/root/test_upgrade.py::test_mail_goes_on",
}
ONLY_READ = {
    "curl -fsSL": "fetches from the internet",
    "python3 -m venv": "installs; CI types it in a clone",
    "sudo python3 -m venv": "installs",
    "sudo aimx dkim-keygen": "asks the public DNS and systemd; tests/cli/test_keygen.py makes pairs",
    "aimx dns check": "asks the public DNS; tests/lab/test_publishing.py looks at records",
    "aimx --version": "changes over on a machine; tests/root/test_setup.py sets one up",
    "dig ": "asks the public DNS",
    "aimx doctor": "looks at the machine; tests/provision/test_doctor.py and tests/root/test_doctor.py do that",
    "aimx logs": "needs an init system; tests/cli/test_logs.py has one",
    "sudo aimx portcheck": "asks the internet; tests/root/test_portcheck.py has a verifier",
    "sudo systemctl": "needs systemd",
    "sudo useradd": "makes users",
    "aimx hooks explain <": "has places to fill in",
    "sudo tar": "copies /etc and /var",
    "sudo AIMX_CONFIG_DIR": "serves until it is told to stop",
    "sudo install": "makes a directory below /var/log",
    "TAG=": "fetches from the internet",
}
BLOCKS = [block for page in PAGES for block in pages.blocks(page) if block.language in ("sh", "bash")]

# Where the interpreter is out of the user's reach, one capability is kept with which its modules can be read.
_AS_USER = """
import ctypes, os, sys
uid, read_search = int(sys.argv[1]), 1 << 2
libc = ctypes.CDLL(None, use_errno=True)
os.setgroups([]); os.setresgid(uid, uid, uid)
libc.prctl(8, 1, 0, 0, 0)  # PR_SET_KEEPCAPS
os.setresuid(uid, uid, uid)
header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(read_search, read_search, 0, 0, 0, 0)
assert libc.capset(header, data) == 0, os.strerror(ctypes.get_errno())
import aimx.cli.main
sys.argv[:] = ["aimx", *sys.argv[2:]]
aimx.cli.main.main()
"""


def elsewhere(block):
    return [one for one in ELSEWHERE if block.page.name == one[0] and block.text.startswith(one[1])]


def key(block):
    return next((one for one in TYPED if block.page.name == one[0] and block.text.startswith(one[1])), None)


@pytest.fixture(scope="module")
def office():
    with post.Post(CONFIG, uid=pwd.getpwnam("nobody").pw_uid) as running:  # who makes a mailbox has a name
        programs = running.tree / "bin"
        programs.mkdir()
        argv = [sys.executable, "-m", "aimx.cli.main"]
        if os.geteuid() == 0:
            argv = [sys.executable, "-c", _AS_USER, str(running.uid)]
        for name, line in {"aimx": f'exec {shlex.join(argv)} "$@"', "sudo": 'exec env "$@"'}.items():
            (programs / name).write_text(f"#!/bin/sh\n{line}\n")
            (programs / name).chmod(0o755)
        running.file("message.eml", b"From: a@example.org\nTo: support@agent.example.com\nSubject: Hello\n\nHi!\n")
        for mailbox in ("support", "accounts"):
            _fill(running, mailbox)
        yield running


def _fill(office, mailbox: str) -> None:
    for id_ in IDS:
        path = office.daemon.data / "inbox" / mailbox / f"{id_}.md"
        path.write_text(MESSAGE.format(id=id_, mailbox=mailbox))
        os.chown(path, office.uid, office.uid) if os.geteuid() == 0 else None


def type_in(office, text: str) -> subprocess.CompletedProcess[bytes]:
    env = {**office.daemon.env, "PATH": f"{office.tree / 'bin'}:{os.environ['PATH']}", "HOME": str(office.tree)}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", text],
        env=env, cwd=office.tree, capture_output=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if key(block)], ids=lambda block: f"{block.page.name}:{block.text.split()[2]}"
)
def test_an_example_does_what_it_says(office, block):
    if "jq " in block.text and shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    text = block.text
    for old, new in TYPED[key(block)].items():
        assert old in text
        text = text.replace(old, new)
    if "--name note" in text:
        type_in(office, "aimx hooks delete --yes note")
    if "hooks explain note" in text:
        type_in(office, "aimx hooks delete --yes note")
        type_in(office, "aimx hooks create --mailbox support --event on_receive --name note --cmd '[\"/bin/true\"]'")
    done = type_in(office, text)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert b"Traceback" not in done.stderr
    if "aimx mcp" in text:
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert "support" in json.dumps(told[-1])
    if "delete" in text and "support" in text.split("delete")[1]:
        assert type_in(office, "aimx mailboxes create support").returncode == 0
        _fill(office, "support")


def test_every_block_is_typed_or_has_its_reason():
    for block in BLOCKS:
        if not re.search(r"(?:^|[|;&] *|sudo (?:[A-Z_]+=\S+ )*)aimx ", block.text, re.MULTILINE):
            continue  # commands of others
        reasons = [why for start, why in ONLY_READ.items() if block.text.startswith(start)]
        assert key(block) or reasons or elsewhere(block), f"{pages.name(block.page)}: {block.text}"


@pytest.mark.parametrize("test", sorted(set(ELSEWHERE.values())))
def test_what_is_said_to_be_elsewhere_is_there(test):
    path, _, function = test.partition("::")
    assert (ROOT / path).is_file()
    assert f"def {function}" in (ROOT / path).read_text()


def test_no_table_names_a_block_that_is_gone():
    assert all(any(key(block) == one for block in BLOCKS) for one in TYPED)
    assert {one for block in BLOCKS for one in elsewhere(block)} == set(ELSEWHERE)
