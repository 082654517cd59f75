"""What strangers write into a subject, under systemd: the hook runs with one harmless value, as without it."""

import pytest

from aimx import limits
from tests.hooks.test_hostile_mail import SUBJECTS

# Each mail's values end up in a file of their own.
SCRIPT = 'cat >~/hostile/"$AIMX_ID".md; env -0 >~/hostile/"$AIMX_ID".env; eval : "\\"\\$AIMX_SUBJECT\\""'
PWNED = "/tmp/pwned"


def octets(number, subject):
    text = subject.replace(b"{pwned}", PWNED.encode()).replace(b"{{", b"{").replace(b"}}", b"}")
    head = b"From: a@sender.test\r\nTo: bob@agent.test\r\nMessage-ID: <hostile-%d@sender.test>\r\nSubject: " % number
    return head + text + b"\r\n\r\nHi\r\n"


@pytest.fixture(scope="module")
def arrived(host):
    """The variables of each mail's run, by its Message-ID, and what became of it."""
    host.machine.run("mkdir", "/srv/bob/hostile", user="bob")
    with host.hook("bob", "/bin/sh", "-c", SCRIPT) as name:
        for number, subject in enumerate(SUBJECTS.values()):
            host.send("bob", octets(number, subject))
        host.until(lambda: len([run for run in host.runs(name) if run["ended"]]) == len(SUBJECTS), "all ran")
        runs = {run["email_id"]: run for run in host.runs(name)}
    found = {}
    for file in host.machine.file("/srv/bob/hostile").glob("*.env"):
        pairs = [pair.partition(b"=") for pair in file.read_bytes().split(b"\0") if pair]
        env = {key.decode(): value for key, _, value in pairs}
        assert len(env) == len(pairs)
        found[env["AIMX_MESSAGE_ID"].decode()] = env, runs[file.stem]
    return found


@pytest.mark.parametrize("number", range(len(SUBJECTS)), ids=SUBJECTS)
def test_a_hostile_subject_is_one_harmless_value(host, arrived, number):
    env, run = arrived[f"hostile-{number}@sender.test"]
    assert (run["exit_code"], run["reason"], run["stderr_tail"]) == (0, None, "")
    value = env["AIMX_SUBJECT"].decode()  # UTF-8
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 or ord(char) & 0xFFFE == 0xFFFE for char in value)
    assert len(env["AIMX_SUBJECT"]) <= limits.HOOK_ENV_VALUE_OCTETS
    assert (len(env["AIMX_JOB"]), env["PATH"][:10]) == (32, b"/usr/local")
    stored = host.machine.file(env["AIMX_FILEPATH"].decode()).read_bytes()
    assert host.machine.file(f"/srv/bob/hostile/{env['AIMX_ID'].decode()}.md").read_bytes() == stored
    assert not host.machine.file(PWNED).exists()
