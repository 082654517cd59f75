"""The daemon is killed at every step of a hundred hook jobs: each ran exactly once, or is reported as interrupted."""

import json
from collections import Counter

import psutil
import pytest

from tests.faults.strace import NEEDED, inject

pytestmark = NEEDED

MAILS = 4
SCRIPT = 'echo "$AIMX_ID {0}" >>~/stages; while [ -e ~/closed ]; do sleep 0.05; done'
ROWS = """
import json, sqlite3, sys
db = sqlite3.connect("file:/var/lib/aimx/.aimx/state.db?mode=ro", uri=True, timeout=60)
query = "SELECT hook, email_id, state, reason FROM jobs WHERE hook IN (?, ?) ORDER BY id"
print(json.dumps(db.execute(query, sys.argv[1:]).fetchall()))
"""
OUT, CLOSED = "/srv/bob/stages", "/srv/bob/closed"

# System calls of the front: what it makes durable, the pipes, what it lays out for systemd, the requests to its spawner
# and to systemd, what it takes away again, its wait for the end, the record.
STEPS = [
    *(f"fdatasync:{number}" for number in (1, 2, 3, 6)), "pwrite64:3", "pipe2:1", "pipe2:3",
    "?mkdir,mkdirat:1", "?symlink,symlinkat:3", "fchown:1", *(f"sendmsg:{number}" for number in (1, 2, 3, 5, 8)),
    "unlinkat:1", "unlinkat:4", "pidfd_open:1",
]  # fmt: skip
# A program that has ended when it is looked for is not waited for.
NOT_ALWAYS = ("pidfd_open:1",)


class Story:
    """Two hooks of one mailbox, one run at a time, and what they did."""

    def __init__(self, host, names):
        self.host = host
        self.one, self.two = self.hooks = names
        self.before = {path.stem for path in host.machine.file("/var/lib/aimx/inbox/bob").glob("*.md")}

    def lines(self):
        file = self.host.machine.file(OUT)
        return file.read_text().splitlines() if file.exists() else []

    def runs(self):
        """As rows of state.db: no daemon need be there."""
        rows = json.loads(self.host.machine.run("python3", "-c", ROWS, *self.hooks))
        return [dict(zip(("hook", "email_id", "state", "reason"), row, strict=True)) for row in rows]

    def plug(self):
        """Mails whose first hook waits inside its program; nothing else can begin."""
        before = len(self.lines())
        self.host.machine.write(CLOSED, "")
        self.host.send("bob", times=MAILS)
        self.host.until(lambda: len(self.lines()) > before, "it runs")

    def unplug(self):
        self.host.machine.file(CLOSED).unlink()

    def daemon(self):
        """The front, as this host counts; None: there is none."""
        for process in psutil.Process(self.host.machine.pid).children(recursive=True):
            try:
                if process.cmdline()[2:3] == ["serve"]:
                    return process
            except psutil.Error:  # it has just ended
                continue
        return None

    def settled(self):
        """Nothing waits any more."""
        return not {run["state"] for run in self.runs()} & {"held", "pending", "started"}


@pytest.fixture(scope="module")
def story(host):
    host.configure(hook_concurrency="1")
    with (
        host.hook("bob", "/bin/sh", "-c", SCRIPT.format("one")) as one,
        host.hook("bob", "/bin/sh", "-c", SCRIPT.format("two")) as two,
    ):
        yield Story(host, (one, two))
    host.configure()


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_a_step(story, step, tmp_path):
    story.plug()
    front = story.daemon()
    call, _, number = step.partition(":")
    with inject(front.pid, tmp_path / "trace", f"{call}:signal=KILL:when={number}") as injection:
        story.unplug()
        story.host.until(lambda: not front.is_running() or story.settled(), "it is killed, or never came there")
    assert injection.hit or number != "1" or step in NOT_ALWAYS
    story.host.until(story.settled, "all have ended")
    story.host.until(lambda: story.host.main_pid() != 0, "there is a daemon")
    story.host.listening()
    check(story)


def check(story):
    """Of all that ever happened."""
    lines = story.lines()
    times = Counter(lines)
    assert max(times.values()) == 1
    runs = story.runs()
    names = {story.one: "one", story.two: "two"}
    for run in runs:
        ran = f"{run['email_id']} {names[run['hook']]}" in times
        assert run["state"] in ("done", "interrupted"), run
        assert ran or run["state"] == "interrupted", run
    ids = {path.stem for path in story.host.machine.file("/var/lib/aimx/inbox/bob").glob("*.md")} - story.before
    assert sorted((run["email_id"], names[run["hook"]]) for run in runs) == sorted(
        (email_id, name) for email_id in ids for name in names.values()
    )
    assert set(lines) <= {f"{email_id} {name}" for email_id in ids for name in names.values()}
    both = [email_id for email_id in ids if {f"{email_id} one", f"{email_id} two"} <= set(lines)]
    assert all(lines.index(f"{email_id} one") < lines.index(f"{email_id} two") for email_id in both)


def test_it_was_a_hundred_jobs_and_few_were_interrupted(story):
    runs = story.runs()
    assert len(runs) >= 100
    states = Counter(run["state"] for run in runs)
    assert states["interrupted"] <= len(STEPS)
    story.host.until(lambda: story.host.units() == "", "their units are gone")
