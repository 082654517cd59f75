"""What strangers write into a mail: their hooks run with it, each value is one line, and nothing of it is a command."""

import base64
import os
from pathlib import Path

import pytest

from aimx import limits
from tests.harness import Daemon, config_text
from tests.hooks.test_pool import hook, rows, until

SUBJECTS = {
    "NUL": b"=?utf-8?b?%s?=" % base64.b64encode(b"a\0b"),
    "line breaks": b"=?utf-8?b?%s?=" % base64.b64encode(b"a\r\nAIMX_JOB=x\nPATH=/evil\x85b\xe2\x80\xa8c"),
    "escape sequences": b"a\x1b]0;title\x07\x1b[2Jb\x9b31m",
    "a line of the log": b'x" exit_code=0 stderr_tail="" hook_name=other level=error',
    "a shell": b"$(touch {pwned}) `touch {pwned}` ; touch {pwned} | touch {pwned} & \" ' \\ ${{HOME}} $IFS",
    "a function": b"() {{ :;}}; touch {pwned}",
    "systemd": b"%%h %%n %%i $$ ${{AIMX_SUBJECT}} \\x2f @ - + ! !! : [Service] ExecStart=/bin/touch {pwned} \\",
    "an environment file": b'" X=1 \\\\\\" \' $X #; ; \\',
    "no UTF-8": b"a\xff\xfe\xed\xa0\x80\xc0\x80\xf4\x90\x80\x80z",
    "a surrogate": b"=?utf-16?b?%s?=" % base64.b64encode(b"\xff\xfe\x00\xd8a\x00"),
    "noncharacters": "a\ufffe\uffff\ufdd0\U0010ffffz".encode(),
    "right to left": "a\u202e\u2066gpj.exe".encode(),
    "a megabyte": b"\r\n ".join([b"x" * 900] * (limits.MIB // 900)),
    "a megabyte, encoded": b"\r\n ".join([b"=?utf-8?q?=F0=9F=98=80=F0=9F=98=80?="] * (limits.MIB // 38)),
    "nothing": b"",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A daemon whose hook keeps its environment and its input, and hands the subject to a shell as the book says."""
    tree = tmp_path_factory.mktemp("hostile")
    script = f'd={tree}/out; cat > $d/stdin; env -0 > $d/env; printf "%s" "$AIMX_SUBJECT" > $d/subject'
    (tree / "out").mkdir()
    with Daemon(tree / "t", config_text(hook("keep", script), "hook_thread_budget = 0")) as daemon:
        yield daemon, tree / "out"


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_a_hostile_subject_is_one_harmless_value(place, subject):
    daemon, out = place
    pwned = out / "pwned"
    text = subject.replace(b"{pwned}", os.fsencode(pwned)).replace(b"{{", b"{").replace(b"}}", b"}")
    lines = len(daemon.log)
    daemon.send(b"From: a@sender.test\r\nTo: ops@agent.test\r\nSubject: " + text + b"\r\n\r\nHi\r\n")
    line = daemon.wait_log("hook_name=keep event=on_receive")
    assert " exit_code=0 " in line
    assert line.endswith(' stderr_tail=""\n')
    pairs = [pair.partition(b"=") for pair in (out / "env").read_bytes().split(b"\0") if pair]
    env = {name: value for name, _, value in pairs}
    assert len(env) == len(pairs)
    value = env[b"AIMX_SUBJECT"].decode()  # UTF-8
    assert (out / "subject").read_bytes() == env[b"AIMX_SUBJECT"]
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 or ord(char) & 0xFFFE == 0xFFFE for char in value)
    assert len(env[b"AIMX_SUBJECT"]) <= limits.HOOK_ENV_VALUE_OCTETS
    assert (len(env[b"AIMX_JOB"]), env[b"PATH"][:10]) == (32, b"/usr/local")
    assert (out / "stdin").read_bytes() == Path(os.fsdecode(env[b"AIMX_FILEPATH"])).read_bytes()
    assert not pwned.exists()
    assert {told.partition("=")[0] for told in daemon.log[lines:]} <= {"level"}
    until(lambda: rows(daemon, "state, exit_code")[-1] == ("done", 0))
