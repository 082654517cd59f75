"""`aimx logs`: journald through a stand-in `journalctl`, OpenRC's files in a tree of its own, and neither."""

import argparse
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aimx import limits
from aimx.cli import logs
from aimx.errors import Failed

# The command on a machine whose files are below the first word.
ON = """
import sys
from pathlib import Path
from aimx.cli import diagnostics, logs, main
root, words = Path(sys.argv[1]), sys.argv[2:]
try:
    code = logs.run(main.parser(main.find("logs")).parse_args(words), root)
except Exception as error:
    code = diagnostics.failed(error)
sys.exit(code)
"""


@pytest.fixture
def journalctl(tmp_path):
    """Put a program of that name on PATH; returns the environment."""

    def install(script: str) -> dict[str, str]:
        path = tmp_path / "bin" / "journalctl"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        (tmp_path / "run/systemd/system").mkdir(parents=True)
        return {**os.environ, "PATH": f"{path.parent}:/usr/bin:/bin"}

    return install


@pytest.fixture
def aimx_logs(tmp_path):
    """Run it on the machine below tmp_path."""

    def run(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-c", ON, str(tmp_path), *words]
        return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)

    return run


WORDS = {
    "default": ((), "-u aimx -n 50 --no-pager"),
    "lines": (("--lines", "200"), "-u aimx -n 200 --no-pager"),
    "short": (("-n5",), "-u aimx -n 5 --no-pager"),
    "follow": (("--follow",), "-u aimx -n 50 --no-pager -f"),
    "follow-with-lines": (("-f", "-n", "0"), "-u aimx -n 0 --no-pager -f"),
}


@pytest.mark.parametrize(("words", "asked"), WORDS.values(), ids=WORDS)
def test_journalctl_is_asked_for_our_unit(journalctl, aimx_logs, words, asked):
    done = aimx_logs(journalctl('echo "$@"'), *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{asked}\n", "")


ENTRIES = [
    {"__REALTIME_TIMESTAMP": "1769851800000000", "MESSAGE": "event=listening smtp=0.0.0.0:25"},
    {"__REALTIME_TIMESTAMP": "1769851801999999", "MESSAGE": list(b"octets \xff")},
    {"__REALTIME_TIMESTAMP": "1769851802000000", "MESSAGE": None},
]


def test_json_is_one_object_per_line(journalctl, aimx_logs, tmp_path):
    (tmp_path / "entries").write_text("".join(json.dumps(entry) + "\n" for entry in ENTRIES) + "no json\n")
    done = aimx_logs(journalctl(f'echo "$@" >&2; cat {tmp_path}/entries'), "--json", "-n", "9")
    assert (done.returncode, done.stderr) == (0, "-u aimx -n 9 --no-pager -o json\n")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"at": "2026-01-31T09:30:00Z", "line": "event=listening smtp=0.0.0.0:25"},
        {"at": "2026-01-31T09:30:01Z", "line": "octets \ufffd"},
        {"at": "2026-01-31T09:30:02Z", "line": ""},
        {"at": None, "line": "no json"},
    ]


NO_ENTRIES = {
    "list": (b'["MESSAGE"]', None, '["MESSAGE"]'),
    "word": (b'"MESSAGE"', None, '"MESSAGE"'),
    "number": (b"5\r", None, "5"),
    "null": (b"null", None, "null"),
    "half": (b'{"MESSAGE": "x', None, '{"MESSAGE": "x'),
    "octets": (b"\xff", None, "\ufffd"),
    "nested": (b"[" * 100_000, None, "[" * 100_000),
    "empty": (b"{}", None, ""),
    "time-that-is-none": (b'{"__REALTIME_TIMESTAMP": "soon", "MESSAGE": "x"}', None, "x"),
    "time-that-is-a-list": (b'{"__REALTIME_TIMESTAMP": ["1", "2"], "MESSAGE": "x"}', None, "x"),
    "time-without-end": (b'{"__REALTIME_TIMESTAMP": "%s", "MESSAGE": "x"}' % (b"9" * 400), None, "x"),
    "time-as-a-number": (b'{"__REALTIME_TIMESTAMP": 1, "MESSAGE": "x"}', "1970-01-01T00:00:00Z", "x"),
    "two-messages": (b'{"__REALTIME_TIMESTAMP": "0", "MESSAGE": ["a", "b"]}', "1970-01-01T00:00:00Z", "a\nb"),
    "no-octets": (b'{"MESSAGE": [256, -1, true]}', None, "256\n-1\ntrue"),
    "octets-of-two": (b'{"MESSAGE": [[97], "b"]}', None, "[97]\nb"),
    "object": (b'{"MESSAGE": {"a": 1}}', None, '{"a": 1}'),
}


@pytest.mark.parametrize(("line", "at", "text"), NO_ENTRIES.values(), ids=NO_ENTRIES)
def test_what_is_no_entry_is_shown_all_the_same(line, at, text):
    assert logs._entry(line + b"\n") == {"at": at, "line": text}


def test_a_failure_of_journalctl_is_one_line(journalctl, aimx_logs):
    done = aimx_logs(journalctl("echo 'Failed to search journal' >&2; exit 3"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Failed to search journal\nError: journalctl ended with exit code 3\n"


@pytest.mark.parametrize("words", [["-f"], ["-f", "--json"]], ids=["text", "json"])
def test_ctrl_c_ends_it_quietly(journalctl, tmp_path, words):
    line = '{"MESSAGE": "x", "__REALTIME_TIMESTAMP": "0"}'
    env = journalctl(f"echo '{line}'; exec sleep 300")
    process = subprocess.Popen(
        [sys.executable, "-c", ON, str(tmp_path), *words],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == ""


def test_a_reader_that_leaves_ends_journalctl_too(journalctl, tmp_path):
    entry = '{"MESSAGE": "x", "__REALTIME_TIMESTAMP": "0"}'
    env = journalctl(f"echo $$ > {tmp_path}/pid; while echo '{entry}'; do :; done")
    done = subprocess.run(
        ["sh", "-c", f'{sys.executable} -c "$ON" {tmp_path} -f --json | head -1'],
        env={**env, "ON": ON}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_without_an_init_system_it_says_where_the_log_is(aimx_logs):
    done = aimx_logs(dict(os.environ))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: {logs.NOWHERE}\n"


def test_systemd_without_journalctl_is_one_line(aimx_logs, tmp_path):
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    done = aimx_logs({**os.environ, "PATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: journalctl is not on the PATH; it belongs to systemd\n"


def test_a_journal_that_is_not_for_us_is_told(aimx_logs, journalctl, tmp_path, monkeypatch, capfd):
    env = journalctl("echo '-- No entries --'")
    monkeypatch.setenv("PATH", env["PATH"])
    (tmp_path / "var/log/journal/0123").mkdir(parents=True)
    (tmp_path / "var/log/journal/0123/system.journal").touch()
    options = argparse.Namespace(lines=50, follow=False, json=False)
    assert logs.run(options, tmp_path) == 0
    assert capfd.readouterr().err == ""
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may read everything
    assert logs.run(options, tmp_path) == 0
    assert capfd.readouterr() == ("-- No entries --\n", f"{logs.HIDDEN}\n")


WRONG = {"word": "some", "negative": "-1", "huge": "99999999999999999999", "fraction": "1.5"}


@pytest.mark.parametrize("lines", WRONG.values(), ids=WRONG)
def test_a_number_of_lines_is_a_number(aimx_logs, lines):
    done = aimx_logs(dict(os.environ), f"--lines={lines}")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"'{lines}' is no number of lines (0 to {limits.LOG_LINES_MAX})" in done.stderr


@pytest.fixture
def openrc(tmp_path, capsysbinary):
    """Run it on a machine with OpenRC whose root is tmp_path; what it printed."""
    (tmp_path / "run/openrc").mkdir(parents=True)
    (tmp_path / "var/log/aimx").mkdir(parents=True)

    def run(lines: int = 50, follow: bool = False, as_json: bool = False) -> tuple[str, str]:
        options = argparse.Namespace(lines=lines, follow=follow, json=as_json)
        assert logs.run(options, tmp_path) == 0
        told = capsysbinary.readouterr()
        return told.out.decode(), told.err.decode()

    return run


def _log(root: Path, name: str, text: str, at: float) -> Path:
    path = root / "var/log/aimx" / name
    path.write_text(text)
    os.utime(path, (at, at))
    return path


def test_openrc_shows_the_end_of_its_files_newest_last(tmp_path, openrc):
    _log(tmp_path, "a.log", "three\nfour\n", 2)
    _log(tmp_path, "b.log", "one\ntwo\n", 1)
    assert openrc() == ("one\ntwo\nthree\nfour\n", "")
    assert openrc(lines=3) == ("two\nthree\nfour\n", "")
    assert openrc(lines=1, as_json=True) == ('{"at": null, "line": "four"}\n', "")
    assert openrc(lines=0)[0] == ""


def test_openrc_falls_back_to_our_lines_of_the_systems_log(tmp_path, openrc):
    (tmp_path / "var/log/messages").write_text("cron: tick\naimx: event=stopped\nsshd: hi\n")
    assert openrc() == ("aimx: event=stopped\n", "")
    (tmp_path / "var/log/messages").write_text("cron: tick\n")
    assert openrc() == ("", f"no line of aimx in {tmp_path}/var/log/messages\n")


def test_openrc_does_not_follow_but_says_how(tmp_path, openrc):
    with pytest.raises(Failed, match=f"tail -F {tmp_path}/var/log/messages"):
        openrc(follow=True)
    _log(tmp_path, "aimx.log", "x\n", 1)
    with pytest.raises(Failed, match=f"tail -F {tmp_path}/var/log/aimx/aimx.log"):
        openrc(follow=True)


def test_openrc_without_a_log_is_one_error(openrc):
    with pytest.raises(Failed, match=r"messages: No such file or directory; try sudo aimx logs"):
        openrc()


def test_what_hooks_put_beside_the_log_is_harmless(tmp_path, openrc):
    _log(tmp_path, "aimx.log", "a \x1b[2Jclear\r\nÿ\n", 1)
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "var/log/aimx/link.log").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "var/log/aimx/fifo.log")
    (tmp_path / "var/log/aimx/directory.log").mkdir()
    told, errors = openrc()
    assert told == "a \\x1b[2Jclear\nÿ\n"
    assert errors.count("is left out") == 3
    assert "secret" not in told


def test_the_end_of_a_huge_log_is_read_only(tmp_path, openrc):
    path = tmp_path / "var/log/aimx/aimx.log"
    with open(path, "wb") as file:
        file.truncate(2**40)
        file.seek(0, os.SEEK_END)
        file.write(b"\nlast\n")
    assert openrc(lines=1)[0] == "last\n"
