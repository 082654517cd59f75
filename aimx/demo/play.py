"""The demo's story: start the stage, send two mails by SMTP, watch what the daemon does with each
and what the hook answers.

Everything waits under a deadline; what takes too long or goes wrong is told with the daemon's last log lines.
"""

import contextlib
import email
import email.policy
import grp
import os
import pwd
import random
import selectors
import smtplib
import subprocess
import time
import tomllib
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from aimx import limits
from aimx.demo import letters, tree
from aimx.demo.letters import Letter
from aimx.demo.stage import Order, Report
from aimx.demo.zone import Zone
from aimx.effects import privileges
from aimx.effects.running import running
from aimx.errors import Failed

Tell = Callable[[str], None]


class Seen(msgspec.Struct, frozen=True):
    """What became of one mail. `report`: what the hook wrote, None when it did not fire; `log`: the hook's line."""

    reply: str
    path: str
    document: str
    fields: dict[str, str]
    fired: bool
    log: str
    report: str | None


class Reply(msgspec.Struct, frozen=True):
    """The hook's answer as the remote mail server got it, in `path`. `sent`: our record. `dkim`: the verdict there."""

    path: str
    fields: dict[str, str]
    dkim: str
    sent: str
    status: str
    log: str


class Performance(msgspec.Struct, frozen=True):
    """All that the demo shows."""

    domain: str
    tree: str
    smtp: str
    uid: int
    stage_pid: int
    daemon_pid: int
    kept: bool
    seconds: float
    signed: Seen
    answer: Reply
    forged: Seen
    listing: list[str]


class StageProcess(AbstractContextManager["StageProcess"]):
    """The stage as seen from here: its reports in, the end of its input out."""

    def __init__(self, order: Order) -> None:
        self._tail: deque[str] = deque(maxlen=limits.DEMO_LOG_LINES)
        self._reports: list[Report] = []  # not waited for yet: two log lines may come in any order
        self._pending = b""
        self.tree = Path()
        self.port = 0
        self.daemon_pid = 0
        argv = [*running().module_argv, "aimx.demo.stage"]
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
            start_new_session=True, cwd="/",
        )  # fmt: skip
        self.pid = self._process.pid
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._kept = False
        self._tell(msgspec.json.encode(order))

    def _tell(self, line: bytes) -> None:
        try:
            os.write(self._input.fileno(), line + b"\n")
        except BrokenPipeError:
            return  # it ended; its last words are read where something is expected of it

    def __exit__(self, *_: object) -> None:
        """Let it clean up and wait until it has, unless it goes on."""
        self._input.close()
        with self._output:
            if self._kept:
                return
            deadline = time.monotonic() + limits.DEMO_END_S
            while self._read(deadline):
                pass
        try:
            self._process.wait(timeout=limits.DEMO_END_S)
        except subprocess.TimeoutExpired as error:
            raise self.problem(f"the demo's own process (pid {self.pid}) does not end") from error

    def keep(self) -> None:
        """Let it go on after us."""
        self._tell(b"keep")
        self._kept = True

    def listening(self) -> None:
        """Wait until the daemon listens. Raises: Failed."""
        report = self._next(lambda report: report.port, limits.DEMO_START_S, "the daemon did not start")
        self.tree, self.port, self.daemon_pid = Path(report.tree), report.port, report.daemon_pid

    def log_line(self, *words: str) -> str:
        """The first log line with all of these words that was not returned before. Raises: Failed."""
        what = f"the daemon did not log {' '.join(words)}"
        return self._next(lambda report: all(word in report.log for word in words), limits.DEMO_STEP_S, what).log

    def arrived(self) -> Path:
        """The next message that the remote mail server took. Raises: Failed."""
        return Path(self._next(lambda report: report.arrived, limits.DEMO_STEP_S, "no answer arrived").arrived)

    def problem(self, what: str) -> Failed:
        """An error with the end of the daemon's log."""
        return Failed("\n".join([what, "the daemon's last log lines:", *(f"  {line}" for line in self._tail)]))

    def _next(self, wanted: Callable[[Report], object], seconds: float, what: str) -> Report:
        deadline = time.monotonic() + seconds
        while True:
            for report in self._reports:
                if report.failed:
                    raise Failed(report.failed)
                if wanted(report):
                    self._reports.remove(report)
                    return report
            if not self._read(deadline):
                raise self.problem(what)

    def _read(self, deadline: float) -> bool:
        """More reports; False at their end and at the deadline."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return False
        octets = os.read(self._output.fileno(), 65536)
        *lines, self._pending = (self._pending + octets).split(b"\n")
        for line in lines:
            self._note(line)
        return bool(octets)

    def _note(self, line: bytes) -> None:
        try:
            report = msgspec.json.decode(line, type=Report)
        except msgspec.DecodeError:
            report = Report(log=line.decode("utf-8", "replace"))
        if report.log:
            self._tail.append(report.log)
        self._reports.append(report)


def perform(keep: bool, tell: Tell) -> Performance:
    """Play the whole demo. Raises: Failed; KeyboardInterrupt with everything taken away."""
    started = time.monotonic()
    tell("making keys and signing two mails …")
    post = letters.write_post()
    uid = throw_away_uid() if os.geteuid() == 0 else None
    mail = {"signed.eml": post.signed.octets, "forged.eml": post.forged.octets}
    zone = {name: dict(records) for name, records in post.zone.items()}
    tell("starting the daemon …")
    with StageProcess(Order(uid, zone, mail, post.key)) as stage:
        stage.listening()
        if uid is not None:
            _warm_up(post)
            privileges.become(uid, uid, ())
        tell("sending the signed mail …")
        signed = _deliver(stage, post.signed)
        _check(stage, signed.fired, "the signed mail did not fire the hook", signed)
        _check(stage, "\nanswer   <" in (signed.report or ""), "the hook could not answer", signed)
        tell("waiting for the hook's answer …")
        answer = _answer(stage, zone)
        tell("sending the forged mail …")
        forged = _deliver(stage, post.forged)
        _check(stage, not forged.fired, "the forged mail fired the hook", forged)
        performance = Performance(
            domain=letters.DOMAIN, tree=str(stage.tree), smtp=f"127.0.0.1:{stage.port}", uid=os.geteuid(),
            stage_pid=stage.pid, daemon_pid=stage.daemon_pid, kept=keep,
            seconds=round(time.monotonic() - started, 2), signed=signed, answer=answer, forged=forged,
            listing=tree.listing(stage.tree),
        )  # fmt: skip
        if keep:
            stage.keep()
            return performance
        tell("taking everything away …")
    return performance


def throw_away_uid() -> int:
    """A uid that no account, group or process has. Raises: Failed."""
    taken = {entry.pw_uid for entry in pwd.getpwall()} | {entry.gr_gid for entry in grp.getgrall()}
    taken |= _running()
    mapped = [*_mapped("/proc/self/uid_map"), *_mapped("/proc/self/gid_map")]
    free = [uid for uid in limits.DEMO_UIDS if uid not in taken and sum(uid in ids for ids in mapped) == 2]
    if not free:
        raise Failed("there is no free uid to become; run the demo as an ordinary user")
    return random.choice(free)


def _running() -> set[int]:
    """The uids of all processes."""
    uids = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                uids.add(os.stat(f"/proc/{name}").st_uid)
    return uids


def _mapped(table: str) -> list[range]:
    """The ids that this user namespace has, in ranges that never overlap."""
    rows = (line.split() for line in Path(table).read_text().splitlines())
    return [range(int(first), int(first) + int(count)) for first, _, count in rows]


def _warm_up(post: letters.Post) -> None:
    """What libraries import at first use: after the drop their files may be out of reach."""
    letters.verify(post.signed.octets, post.zone)
    email.message_from_bytes(post.signed.octets, policy=email.policy.default).items()
    "127.0.0.1".encode("idna")
    smtplib.SMTP(local_hostname=letters.FORGER_DOMAIN).close()


def _check(stage: StageProcess, passed: bool, what: str, seen: Seen) -> None:
    if not passed:
        reason = seen.fields.get("trust_reason", "none given")
        wrote = f"\nit wrote:\n{seen.report}" if seen.report else ""
        raise stage.problem(f"{what} (trusted = {seen.fields.get('trusted')}, trust_reason = {reason}){wrote}")


def _deliver(stage: StageProcess, letter: Letter) -> Seen:
    """Send one mail and wait for what the daemon says of it."""
    try:
        reply = _send(stage.port, letter)
    except (OSError, smtplib.SMTPException) as error:
        raise stage.problem(f"SMTP failed: {error}") from error
    stored = stage.log_line("event=received ")
    hook = stage.log_line(f"hook_name={tree.HOOK} ")
    folder = stage.tree / "data" / "inbox" / tree.MAILBOX
    (path,) = [path for path in folder.glob("*.md") if f"id={path.stem}" in stored.split()]
    document = path.read_text()
    report = stage.tree / "reports" / f"{path.stem}.txt"
    return Seen(
        reply=reply, path=str(path.relative_to(stage.tree)), document=document, fields=_fields(document),
        fired="exit_code=0" in hook.split(), log=hook, report=report.read_text() if report.exists() else None,
    )  # fmt: skip


def _answer(stage: StageProcess, zone: Zone) -> Reply:
    """What the hook sent, where it arrived."""
    log = stage.log_line("event=sent ")
    path = stage.arrived()
    octets = path.read_bytes()
    fields = dict(email.message_from_bytes(octets, policy=email.policy.default).items())
    verdict = "pass" if letters.verify(octets, zone) else "fail"
    (record,) = (stage.tree / "data" / "sent" / tree.MAILBOX).glob("*.md")
    if verdict != "pass":
        raise stage.problem("the answer's DKIM signature is not good where it arrived")
    return Reply(
        path=str(path.relative_to(stage.tree)), fields={key: str(text) for key, text in fields.items()}, dkim=verdict,
        sent=str(record.relative_to(stage.tree)), status=_fields(record.read_text())["delivery_status"], log=log,
    )  # fmt: skip


def _send(port: int, letter: Letter) -> str:
    client = smtplib.SMTP("127.0.0.1", port, letters.AUTHOR_DOMAIN, timeout=limits.DEMO_STEP_S)
    # As its own context manager it says QUIT when interrupted and takes the reply to another command for the answer.
    with contextlib.closing(client):
        client.ehlo()
        for code, text in (client.mail(letter.reverse_path), client.rcpt(letters.RECIPIENT)):
            if code != 250:
                raise smtplib.SMTPResponseException(code, text)
        code, text = client.data(letter.octets)
        client.quit()
    return f"{code} {text.decode('ascii', 'replace')}"


def _fields(document: str) -> dict[str, str]:
    return {key: str(field) for key, field in tomllib.loads(document.split("+++\n", 2)[1]).items()}
