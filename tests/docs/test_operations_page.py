"""Commands of operations.md that remove, restore and make things do so on a tree, and to nothing else."""

import os
import re
import signal
import subprocess
import time
from email.message import EmailMessage
from pathlib import Path

from aimx import limits
from aimx.daemon.certificate import server_context
from tests.cli.post import CONFIG, Post
from tests.docs import pages
from tests.docs.pages import ROOT
from tests.harness import DOMAIN

PAGE = ROOT / "book" / "operations.md"
SHOWN = "".join(block.text for block in pages.blocks(PAGE) if block.language == "sh").replace("\\\n", "")


def line(begin: str) -> str:
    """The one line of the page's commands that begins so."""
    (found,) = [one for one in SHOWN.splitlines() if one.startswith(begin)]
    return found


def typed(text: str, **names: object) -> None:
    """A line of the page, with places of the test for those of a machine."""
    for name, place in names.items():
        old = "/" + name.replace("_", "/")
        assert old in text
        text = text.replace(old, str(place))
    subprocess.run(["sh", "-ec", text.replace("sudo ", "")], check=True, capture_output=True, timeout=60)


def _mail(subject: str, attachment: bytes = b"") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@sender.test", f"ops@{DOMAIN}", subject
    message.set_content("Hi.")
    if attachment:
        message.add_attachment(attachment, maintype="application", subtype="pdf", filename="contract.pdf")
    return message.as_bytes().replace(b"\n", b"\r\n")


def test_old_mail_goes_whole_and_what_was_touched_stays_whole():
    with Post(CONFIG) as post:
        inbox = post.daemon.data / "inbox" / "ops"
        for subject, attachment in (
            ("flat old", b""),
            ("flat read", b""),
            ("files old", b"%PDF"),
            ("files read", b"%PDF"),
        ):
            post.daemon.send(_mail(subject, attachment))
        for path in (*inbox.rglob("*"), inbox):
            os.utime(path, times=(time.time() - 91 * 86_400,) * 2)
        for path in post.daemon.messages():
            if path.stem.endswith("read"):
                done = post.aimx("emails", "mark", "ops", path.stem, "--read")
                assert done.returncode == 0, done.stderr
        typed(line("find "), var_lib_aimx_inbox_support=inbox)
        left = sorted(re.sub(r"\d{4}-\d\d-\d\d-\d{6}-", "", str(path.relative_to(inbox))) for path in inbox.rglob("*"))
        assert left == ["files-read", "files-read/contract.pdf", "files-read/files-read.md", "flat-read.md"]


def test_a_backup_is_restored_over_what_a_killed_daemon_left(tmp_path):
    with Post(CONFIG) as post:
        post.daemon.send(_mail("before"))
        post.daemon.stop()
        saved = tmp_path / "backup.tar"
        subprocess.run(["tar", "-C", post.tree, "-cpf", saved, "etc", "data"], check=True)
        post.daemon.start()
        for number in range(20):
            post.daemon.send(_mail(f"after {number}"))
        post.daemon.stop(signal.SIGKILL)
        private = post.daemon.data / ".aimx"
        assert (private / "state.db-wal").stat().st_size
        typed(line("sudo sh -c 'rm"), var_lib_aimx_=f"{post.daemon.data}/")
        assert not list(private.glob("*.db*"))
        subprocess.run(["tar", "-C", post.tree, "-xpf", saved], check=True)
        post.daemon.start()
        post.daemon.send(_mail("again"))
        assert len(post.daemon.messages()) == 22


def test_a_damaged_state_is_moved_away(tmp_path):
    private = tmp_path / "lib" / ".aimx"
    private.mkdir(parents=True)
    for name in ("state.db", "state.db-wal", "state.db-shm", "index.db"):
        (private / name).touch()
    typed(line("sudo mv /var/lib"), var_lib_aimx_=f"{tmp_path}/lib/")
    typed(line("sudo rm -f"), var_lib_aimx_=f"{tmp_path}/lib/")
    assert {path.name for path in private.iterdir()} == {"state.db.damaged", "index.db"}


def test_the_certificate_of_a_second_daemon_is_one(tmp_path):
    typed(line("sudo openssl"), etc_ssl_aimx2=tmp_path)
    cert, key = (tmp_path / name for name in ("cert.pem", "key.pem"))
    assert server_context(cert, key)
    assert key.stat().st_mode & 0o777 == 0o600
    assert f"-days {limits.CERTIFICATE_DAYS} " in SHOWN
    assert str(Path("/etc/ssl/aimx2/cert.pem")) in line("sudo AIMX_CONFIG_DIR=/etc/aimx2 AIMX_RUNTIME_DIR")


def test_what_is_put_away_for_the_way_back_is_what_comes_back():
    away = re.findall(r"^sudo (?:cp -a|mv) (\S+) (\S+before)$", SHOWN, re.MULTILINE)
    back = re.findall(r"^sudo (?:cp -a|mv) (\S+before) (\S+)$", SHOWN, re.MULTILINE)
    assert set(away) == {(new, old) for old, new in back} | {("/etc/aimx", "/etc/aimx.before")}
