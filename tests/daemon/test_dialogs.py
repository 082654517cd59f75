"""fixtures/dialogs against the real daemon: what is said, what is answered, what is stored."""

from pathlib import Path

import pytest

from aimx import replies
from aimx.replies import SmtpReply
from tests.daemon.dialog import Dialog
from tests.daemon.pem import write_pair
from tests.harness import DOMAIN, Daemon, config_text, owner

DIALOGS = Path(__file__).resolve().parents[2] / "fixtures" / "dialogs"
CATCHALL = f'[mailboxes.rest]\naddress = "*@{DOMAIN}"\nowner = "{owner()}"\n'
# Told by what the clock, the operator or the machine does; each has a test of its own.
WITHOUT_DIALOG = {
    "SHUTTING_DOWN", "TOO_MANY_CONNECTIONS", "TOO_MANY_FROM_PEER", "IDLE", "SESSION_TOO_LONG", "TOO_MANY_MESSAGES",
    "DATA_TIMEOUT", "EARLY_TALKER", "STORAGE_FAILED", "INTERNAL", "OUT_OF_MEMORY",
}  # fmt: skip


def _daemon(tree: Path, mailboxes: str, tls: bool) -> Daemon:
    daemon = Daemon(tree, config_text(mailboxes))
    if tls:
        cert, key = write_pair(tree / "tls")
        daemon.arguments = ["--tls-cert", str(cert), "--tls-key", str(key)]
    return daemon


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    with _daemon(tmp_path_factory.mktemp("plain"), "", tls=True) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def catchall(tmp_path_factory):
    with _daemon(tmp_path_factory.mktemp("catchall"), CATCHALL, tls=False) as daemon:
        yield daemon


def _run(daemon: Daemon, script: Path) -> None:
    dialog = Dialog(("127.0.0.1", daemon.port), lambda: sum(len(daemon.messages(name)) for name in ("ops", "rest")))
    try:
        dialog.run(script)
    finally:
        dialog.close()


@pytest.mark.parametrize("script", sorted(DIALOGS.glob("*.smtp")), ids=lambda path: path.stem)
def test_dialog(plain, script):
    _run(plain, script)


@pytest.mark.parametrize("script", sorted(DIALOGS.glob("catchall/*.smtp")), ids=lambda path: path.stem)
def test_dialog_with_a_catchall_and_without_a_certificate(catchall, script):
    _run(catchall, script)


def test_refusals_are_logged_without_passwords(plain):
    with plain.smtp() as client:
        client.docmd("AUTH", "PLAIN AHVzZXIAc2VjcmV0")
        client.docmd("MAIL", "FROM:<a b@evil.test>")
    line = plain.wait_log("command=AUTH ")
    assert "AHVzZXIAc2VjcmV0" not in "\n".join(plain.log)
    assert 'reply="502 5.5.1 command not implemented"' in line
    assert "501 5.5.4" in plain.wait_log('command="MAIL FROM:<a b@evil.test>"')


def test_every_reply_has_a_dialog():
    said = "\n".join(path.read_text() for path in DIALOGS.rglob("*.smtp"))
    rows = {name: row for name, row in vars(replies).items() if isinstance(row, SmtpReply)}
    missing = {name for name, row in rows.items() if f"S: {row.line}\n" not in said + "\n"}
    assert missing == WITHOUT_DIALOG


def test_no_reply_is_there_for_nothing():
    sources = Path(replies.__file__).parent.rglob("*.py")
    text = "\n".join(path.read_text() for path in sources if path.name != "replies.py")
    assert [name for name, row in vars(replies).items() if isinstance(row, SmtpReply) and name not in text] == []
