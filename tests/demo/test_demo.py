"""`aimx demo` as its user sees it: what it shows, how long it takes, what it leaves behind."""

import json
import os
import pty
import shutil
import signal
import smtplib
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from aimx import limits
from aimx.demo import letters, play
from aimx.demo.stage import Order
from aimx.errors import Failed
from tests.demo import copies

DEADLINE_S = 120
AIMX = [sys.executable, "-m", "aimx.cli.main"]


@pytest.fixture
def place():
    """A directory for the demo's tree that any uid can use; it must be empty in the end."""
    base = Path(tempfile.mkdtemp(prefix="demo-test-", dir="/tmp"))
    base.chmod(0o1777)
    yield base
    shutil.rmtree(base, ignore_errors=True)


def _environment(place: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(place)}


def _demo(place: Path, *words: str, argv: list[str] = AIMX) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*argv, "demo", *words],
        env=_environment(place),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def _processes_of(place: Path) -> list[psutil.Process]:
    """Daemon, spawner, helpers and hooks of a demo in this place."""
    found = []
    for process in psutil.process_iter():
        try:
            words = f"{process.environ().get('AIMX_CONFIG_DIR', '')} {process.environ().get('TMPDIR', '')}"
        except psutil.Error:
            continue
        if str(place) in words and process.pid != os.getpid():
            found.append(process)
    return found


def _assert_nothing_left(place: Path) -> None:
    psutil.wait_procs(_processes_of(place), timeout=DEADLINE_S)
    assert not [process.cmdline() for process in _processes_of(place)]
    assert not list(place.iterdir())


def _check(shown: dict) -> None:
    """What every run must show."""
    signed, forged = shown["signed"], shown["forged"]
    assert signed["fields"]["trusted"] == "true"
    assert signed["fields"]["trust_reason"] == "aligned-dkim:example.test"
    assert [signed["fields"][key] for key in ("dkim", "spf", "dmarc")] == ["pass", "pass", "pass"]
    assert signed["fired"]
    assert "The weekly report" in signed["report"]
    assert signed["document"].startswith("+++\n")
    assert forged["fields"]["from"] == signed["fields"]["from"]
    assert forged["fields"]["dkim"] == "pass"
    assert forged["fields"]["trusted"] == "false"
    assert forged["fields"]["trust_reason"] == "dkim-unaligned:evil.test"
    assert not forged["fired"]
    assert forged["report"] is None
    assert "event=hook-skipped" in forged["log"]
    _check_answer(shown["answer"], signed)


def _check_answer(answer: dict, signed: dict) -> None:
    """The hook's answer: signed by our domain, one of the same conversation, marked as a program's."""
    fields = answer["fields"]
    assert answer["dkim"] == "pass"
    assert " d=agent.localhost;" in " ".join(fields["DKIM-Signature"].split())
    assert (fields["From"], fields["To"]) == (letters.RECIPIENT, signed["fields"]["from"])
    assert fields["In-Reply-To"] == f"<{signed['fields']['message_id']}>"
    assert fields["Auto-Submitted"] == "auto-replied"
    assert fields["Content-Type"].startswith("multipart/alternative")
    assert fields["Message-ID"] in signed["report"]
    assert answer["status"] == "delivered"


def test_it_shows_a_trusted_mail_and_a_forged_one(place):
    done = _demo(place, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    shown = json.loads(done.stdout)
    _check(shown)
    assert shown["tree"].startswith(str(place))
    assert not shown["kept"]
    assert shown["uid"] != 0
    assert shown["uid"] == os.getuid() or shown["uid"] in limits.DEMO_UIDS
    _assert_nothing_left(place)


def test_the_report_is_plain_text_on_stdout_and_progress_on_stderr(place):
    done = _demo(place)
    assert done.returncode == 0
    for words in (
        'trusted = "true"',
        'trust_reason = "dkim-unaligned:evil.test"',
        "did not fire",
        "DKIM there: pass",
        "Auto-Submitted: auto-replied",
        "config.toml",
        "Next",
    ):
        assert words in done.stdout
    assert "starting the daemon" in done.stderr
    assert "\033" not in done.stdout
    _assert_nothing_left(place)


@pytest.mark.parametrize(("no_color", "bold"), [(None, True), ("1", False)], ids=["terminal", "NO_COLOR"])
def test_colour_is_for_terminals_without_no_color(place, no_color, bold):
    ours, theirs = pty.openpty()
    environment = _environment(place)
    environment.pop("NO_COLOR", None)
    if no_color:
        environment["NO_COLOR"] = no_color
    process = subprocess.Popen([*AIMX, "demo"], env=environment, stdout=theirs, stderr=theirs, stdin=theirs)
    os.close(theirs)
    shown = b""
    try:
        while octets := os.read(ours, 65536):
            shown += octets
    except OSError:
        pass  # Linux says EIO when the last writer of a terminal is gone
    os.close(ours)
    assert process.wait(timeout=DEADLINE_S) == 0
    assert (b"\033[1m" in shown) is bold


@pytest.mark.parametrize(
    ("moment", "number", "codes"),
    [
        pytest.param("starting the daemon", signal.SIGINT, {130}, id="ctrl-c-at-start"),
        pytest.param("sending the signed mail", signal.SIGINT, {130}, id="ctrl-c-in-delivery"),
        pytest.param("taking everything away", signal.SIGINT, {130, 0}, id="ctrl-c-at-end"),  # 0: it came too late
        pytest.param("sending the signed mail", signal.SIGKILL, {-9}, id="kill-9"),
    ],
)
def test_an_interrupted_demo_leaves_nothing(place, moment, number, codes):
    process = subprocess.Popen(
        [*AIMX, "demo"], env=_environment(place), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    with process.stderr:
        while moment not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.wait(timeout=DEADLINE_S) in codes, rest
    _assert_nothing_left(place)


def test_kept_it_takes_more_mail_until_it_is_stopped(place):
    done = _demo(place, "--keep", "--json")
    shown = json.loads(done.stdout)
    stage = psutil.Process(shown["stage_pid"])
    try:
        assert psutil.pid_exists(shown["daemon_pid"])
        tree = Path(shown["tree"])
        assert stat.S_IMODE(tree.stat().st_mode) == 0o700
        port = int(shown["smtp"].partition(":")[2])
        with smtplib.SMTP("127.0.0.1", port, "example.test", timeout=60) as client:
            client.sendmail(letters.AUTHOR, letters.RECIPIENT, (tree / "mail" / "signed.eml").read_bytes())
        deadline = time.monotonic() + DEADLINE_S
        while len(list((tree / "reports").iterdir())) < 2 and time.monotonic() < deadline:
            os.sched_yield()
        assert len(list((tree / "reports").iterdir())) == 2
        assert "hook_name=report" in (tree / "daemon.log").read_text()
    finally:
        stage.terminate()
    _assert_nothing_left(place)


def test_the_report_of_a_kept_demo_says_how_to_go_on(place):
    done = _demo(place, "--keep")
    (stop,) = [line for line in done.stdout.splitlines() if "kill " in line]
    (send,) = [line for line in done.stdout.splitlines() if "smtplib" in line]
    code = send.partition('-c "')[2].rstrip('"')
    try:
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    finally:
        os.kill(int(stop.split()[-1]), signal.SIGTERM)
    _assert_nothing_left(place)


def test_a_wait_that_takes_too_long_shows_the_log(place, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(limits, "DEMO_STEP_S", 0.1)
    uid = play.throw_away_uid() if os.geteuid() == 0 else None
    with play.StageProcess(Order(uid, {}, {})) as stage:
        stage.listening()
        with pytest.raises(Failed, match=r"(?s)did not log nothing of the kind.*last log lines:.*event=listening"):
            stage.log_line("nothing of the kind")
    _assert_nothing_left(place)


def test_what_ends_at_the_start_is_told_with_its_last_words(place, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(place))
    uid = play.throw_away_uid() if os.geteuid() == 0 else None
    order = Order(uid, {"an..impossible.name": {"TXT": ["x"]}}, {})
    with play.StageProcess(order) as stage, pytest.raises(Failed, match=r"(?s)did not start.*EmptyLabel"):
        stage.listening()
    _assert_nothing_left(place)


@pytest.mark.root
def test_root_below_a_directory_of_its_own_becomes_a_uid_that_nobody_has(place):
    private = Path(tempfile.mkdtemp(prefix="demo-private-", dir="/var/tmp"))
    try:
        script = copies.install(private / "venv", os.path.realpath(sys.executable))
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        done = _demo(place, "--json", argv=[str(script)])
        assert done.returncode == 0, done.stderr
        shown = json.loads(done.stdout)
        _check(shown)
        assert shown["uid"] in limits.DEMO_UIDS
        assert f"as uid {shown['uid']}" in shown["signed"]["report"]
        _assert_nothing_left(place)
    finally:
        shutil.rmtree(private)


@pytest.mark.root
def test_an_ordinary_user_runs_it_from_a_readable_copy(place):
    uid = str(play.throw_away_uid())
    identity = ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups"]
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    interpreter = copies.readable_interpreter(identity)
    if interpreter is None:
        pytest.skip(f"no Python {copies.VERSION} that another user can run")
    shared = Path(tempfile.mkdtemp(prefix="demo-shared-", dir="/var/tmp"))
    try:
        shared.chmod(0o755)
        script = copies.install(shared / "venv", interpreter)
        done = _demo(place, "--json", argv=[*identity, str(script)])
        assert done.returncode == 0, done.stderr
        shown = json.loads(done.stdout)
        _check(shown)
        assert str(shown["uid"]) == uid
        _assert_nothing_left(place)
    finally:
        shutil.rmtree(shared)


@pytest.mark.root
def test_a_root_that_can_become_nobody_else_is_told_so(place):
    """A user namespace with one uid: what calls itself root there cannot drop to anybody."""
    if subprocess.run(["unshare", "-r", "true"], check=False, timeout=60).returncode != 0:
        pytest.skip("user namespaces are not allowed here")
    done = _demo(place, argv=["unshare", "-r", *AIMX])
    assert done.returncode == 1
    assert "run the demo as an ordinary user" in done.stderr
    _assert_nothing_left(place)
