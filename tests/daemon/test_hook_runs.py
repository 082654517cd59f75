"""HOOK-RUNS, HOOK-EXPLAIN and HOOK-TEST of a running daemon, and the commands that show them."""

import json
import os
import re
import socket
import sqlite3
import threading
import time
from datetime import datetime, timedelta

import pytest

from aimx import client, limits
from aimx.wire import codec
from aimx.wire.frames import HookExplain, HookRuns, HookTest
from tests.cli.test_mailboxes import Office
from tests.harness import DOMAIN, Daemon, config_text, mail, owner
from tests.hooks.test_pool import until

HOOKS = f"""
[[mailboxes.ops.hooks]]
name = "trusting"
event = "on_receive"
fire_on_untrusted = true
cmd = ["/bin/sh", "-c", 'cat "$AIMX_FILEPATH"; cat; echo "$AIMX_SUBJECT" >&2; exit 3']

[[mailboxes.ops.hooks]]
name = "strict"
event = "on_receive"
cmd = ["/bin/sh", "-c", "echo out; echo err >&2"]

[[mailboxes.ops.hooks]]
name = "personal"
event = "on_receive"
fire_on_untrusted = true
skip_automated = true
cmd = ["/bin/true"]

[[mailboxes.ops.hooks]]
name = "broken"
event = "after_send"
cmd = ["/bin/no-such-program"]

[[mailboxes.ops.hooks]]
name = "slow"
event = "after_send"
timeout_secs = 1
cmd = ["/bin/sleep", "60"]

[mailboxes.other]
address = "other@{DOMAIN}"
owner = "{owner()}"

[mailboxes.gone]
address = "gone@{DOMAIN}"
owner = "aimxt-nobody-of-that-name"

[[mailboxes.gone.hooks]]
name = "ownerless"
event = "on_receive"
cmd = ["/bin/true"]
"""
TOP = "hook_thread_budget = 2"
AUTOMATED = {"Auto-Submitted": "auto-replied", "Message-ID": "<1@sender.test>"}


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("runs"), config_text(HOOKS, TOP)) as daemon:
        daemon.send(mail("First", **AUTOMATED))
        made = Office(daemon)
        until(lambda: [run["state"] for run in ask(made, HookRuns(hook="trusting"))] == ["done"])
        yield made


@pytest.fixture(scope="module")
def first(office):
    return office.daemon.messages()[0].stem


def ask(office, request):
    """The JSON of the answer, or code and reason of the refusal."""
    answer = client.call(office.daemon.socket, request)
    return (answer.code, answer.reason) if answer.kind == "error" else json.loads(answer.body)


def gate(explained, name):
    return next(found for found in explained["gates"] if found["gate"] == name)


def test_runs_are_told_newest_first_with_what_became_of_them(office, first):
    runs = ask(office, HookRuns(mailbox="ops", id=first))
    told = {run["hook"]: (run["state"], run["exit_code"], run["reason"], run["test"]) for run in runs}
    assert told == {
        "trusting": ("done", 3, None, False),
        "strict": ("skipped", None, "trusted=none fire_on_untrusted=false", False),
        "personal": ("skipped", None, "automated", False),
    }
    assert [run["run"] for run in runs] == sorted((run["run"] for run in runs), reverse=True)
    (run,) = ask(office, HookRuns(hook="trusting", id=first))
    assert set(run) == {
        "run", "hook", "mailbox", "event", "email_id", "state", "test", "created", "started", "ended", "exit_code",
        "timed_out", "duration_ms", "stderr_tail", "reason", "cpu_ms", "peak_octets",
    }  # fmt: skip
    assert run["created"].endswith("Z")
    assert run["stderr_tail"] == "First"
    assert run["duration_ms"] >= 0
    assert len(ask(office, HookRuns(limit=1))) == 1
    assert ask(office, HookRuns(limit=0)) == ask(office, HookRuns(mailbox="other")) == []
    assert ask(office, HookRuns(mailbox="ghost")) == ("ENOENT", "mailbox-not-found: ghost")
    assert len(ask(office, HookRuns(limit=10**9))) <= limits.HOOK_RUNS_ROWS_MAX


def test_a_run_that_waits_or_runs_is_told_too(office, tmp_path):
    gate_ = tmp_path / "gate"
    os.mkfifo(gate_)
    cmd = json.dumps(["/bin/sh", "-c", f"read x < {gate_}"])
    office.aimx("hooks", "create", "--mailbox", "other", "--event", "on_receive", "--fire-on-untrusted",
                "--name", "waits", "--cmd", cmd)  # fmt: skip
    office.aimx("hooks", "create", "--mailbox", "other", "--event", "on_receive", "--fire-on-untrusted",
                "--name", "after", "--cmd", '["/bin/true"]')  # fmt: skip
    office.daemon.send(mail("Wait"), f"other@{DOMAIN}")

    def states():
        return {run["hook"]: run["state"] for run in ask(office, HookRuns("other"))}

    until(lambda: states() == {"waits": "running", "after": "waiting"}, states)
    gate_.write_text("go\n")
    until(lambda: states() == {"waits": "done", "after": "done"}, states)
    for name in ("waits", "after"):
        office.aimx("hooks", "delete", name, "-y")


def test_what_did_not_fire_is_a_row_an_event_and_a_line(office, first):
    """Also what was decided while the mail came in."""
    with sqlite3.connect(f"file:{office.daemon.data}/.aimx/state.db?mode=ro", uri=True) as db:
        told = [json.loads(text) for (text,) in db.execute("SELECT event FROM events")]
    db.close()
    reasons = {"strict": "trusted=none fire_on_untrusted=false", "personal": "automated"}
    for hook, reason in reasons.items():
        (event,) = [event for event in told if event["type"] == "hook_skipped" and event["hook"] == hook]
        assert (event["id"], event["reason"], event["mailbox"]) == (first, reason, "ops")
        start = f"level=info event=hook-skipped hook_name={hook} trigger=on_receive mailbox=ops email_id="
        (line,) = [line for line in office.daemon.log if line.startswith(start) and first in line]
        assert reason in line


# HOOK-EXPLAIN


def test_every_gate_is_told_in_order(office, first):
    explained = ask(office, HookExplain("trusting", first))
    names = ["event", "trust", "automated", "budget", "owner", "directory", "program"]
    assert [found["gate"] for found in explained["gates"]] == names
    assert explained["fires"]
    assert explained["origin"] == "operator"
    assert [run["state"] for run in explained["runs"]] == ["done"]
    assert gate(explained, "directory")["why"] == f"{office.daemon.data}/inbox/ops"


CLOSED = {
    "strict": (
        "trust",
        "trusted=none fire_on_untrusted=false; trust = none now: no mail is trusted; dkim=none",
        "front matter",
    ),
    "personal": ("automated", "skip_automated=true automated=true", "front matter"),
    "broken": ("program", "no-such-program: No such file or directory", "system"),
}


@pytest.mark.parametrize(("hook", "closed"), CLOSED.items(), ids=CLOSED)
def test_a_closed_gate_is_told_with_its_reason(office, first, hook, closed):
    explained = ask(office, HookExplain(hook, first))
    name, why, source = closed
    assert not explained["fires"]
    found = gate(explained, name)
    assert (found["passes"], found["source"]) == (False, source)
    assert found["why"].endswith(why)
    assert [found["gate"] for found in explained["gates"] if found["passes"] is False] == (
        ["event", name] if hook == "broken" else [name]
    )


def test_a_hook_that_leaves_out_automated_mail_is_made_by_a_flag(office, first):
    """Over the socket, live with the next mail; it means nothing after a send."""
    create = ("hooks", "create", "--mailbox", "ops", "--cmd", '["/bin/true"]', "--name", "person", "--skip-automated")
    done = office.aimx(*create, "--event", "after_send")
    assert (done.returncode, done.stderr) == (1, "Error: --skip-automated is only valid on --event on_receive\n")
    assert office.aimx(*create, "--event", "on_receive", "--fire-on-untrusted").returncode == 0
    assert "skip_automated = true" in (office.daemon.etc / "config.toml").read_text()
    office.daemon.send(mail("Robot", **{"Auto-Submitted": "(x) auto-replied", "Message-ID": "<r@sender.test>"}))
    office.daemon.send(mail("Person", **{"Auto-Submitted": "no", "Message-ID": "<p@sender.test>"}))

    def told():
        return [(run["email_id"][18:], run["state"], run["reason"]) for run in ask(office, HookRuns(hook="person"))]

    until(lambda: told() == [("person", "done", None), ("robot", "skipped", "automated")], told)
    assert gate(ask(office, HookExplain("person", first)), "automated")["passes"] is False
    office.aimx("hooks", "delete", "person", "-y")


def test_a_used_budget_closes_its_gate_and_runs_that_were_asked_for_use_none(office):
    thread = {"References": "<root@sender.test>"}

    def ended():
        runs_ = ask(office, HookRuns(hook="trusting"))
        return [run for run in runs_ if "talk" in run["email_id"] and not run["test"] and run["state"] != "running"]

    for number in range(3):
        office.daemon.send(mail(f"Talk {number}", **{"Message-ID": f"<talk{number}@sender.test>"}, **thread))
        ids = [path.stem for path in office.daemon.messages() if "talk" in path.stem]
        until(lambda count=number + 1: len([run for run in ended() if run["state"] != "waiting"]) == count)
        if number == 0:
            for _ in range(3):
                assert ask(office, HookTest("trusting", ids[0]))["exit_code"] == 3
            assert gate(ask(office, HookExplain("trusting", ids[0])), "budget")["why"].startswith("1 of 2 runs")
    ids = sorted(path.stem for path in office.daemon.messages() if "talk" in path.stem)
    newest = next(run for run in ask(office, HookRuns(hook="trusting")) if not run["test"])
    assert (newest["state"], newest["reason"]) == ("skipped", "thread-budget")
    explained = ask(office, HookExplain("trusting", newest["email_id"]))
    assert not explained["fires"]
    assert (gate(explained, "budget")["passes"], gate(explained, "budget")["source"]) == (False, "state.db")
    why, _, frees = gate(explained, "budget")["why"].partition("; room again at ")
    assert why == "2 of 2 runs within 24 hours in this conversation"
    first_run = min(run["started"] for run in ended() if run["state"] == "done")
    assert datetime.fromisoformat(frees) - datetime.fromisoformat(first_run) == timedelta(days=1)


def test_what_cannot_be_explained(office, first):
    assert ask(office, HookExplain("ghost", first)) == ("ENOENT", "hook 'ghost' not found")
    assert ask(office, HookExplain("strict", "ghost")) == ("NOTFOUND", "email 'ghost' not found in ops")
    assert ask(office, HookExplain("strict", "../ops/x"))[0] == "NOTFOUND"


def test_front_matter_that_cannot_be_read_is_no_trust(office):
    path = office.daemon.data / "inbox" / "ops" / "by-hand.md"
    path.write_text("no front matter\n")
    explained = ask(office, HookExplain("strict", "by-hand"))
    assert gate(explained, "trust")["why"].startswith("trusted=none fire_on_untrusted=false; ")
    path.unlink()


# HOOK-TEST


def test_a_test_is_what_a_real_run_is_and_is_recorded_as_a_test(office, first):
    """The same message on standard input and under its path, whatever the gates say."""
    tried = ask(office, HookTest("trusting", first))
    document = office.daemon.messages()[0].read_text().strip()
    assert tried["stdout_tail"] == f"{document}\n{document}"
    assert (tried["exit_code"], tried["stderr_tail"], tried["timed_out"]) == (3, "First", False)
    run = next(run for run in ask(office, HookRuns(hook="trusting")) if run["run"] == tried["run"])
    assert (run["test"], run["state"], run["exit_code"], run["email_id"]) == (True, "done", 3, first)
    until(lambda: any(f"email_id={first} " in line and line.endswith(" test=true") for line in office.daemon.log))
    assert ask(office, HookTest("strict", first))["stdout_tail"] == "out"


def test_without_a_message_there_is_a_sample(office):
    tried = ask(office, HookTest("trusting"))
    first_, second = tried["stdout_tail"].split("Nobody sent it.\n", 1)
    assert first_.startswith('+++\nid = "sample"')
    assert 'to = "ops@agent.test"' in first_
    assert second.startswith('+++\nid = "sample"')
    assert tried["stderr_tail"] == "Sample message of aimx hooks test"
    assert tried["email_id"] == "sample"


def test_every_end_of_a_test_is_an_answer(office, first):
    tried = ask(office, HookTest("broken"))
    assert (tried["exit_code"], tried["reason"]) == (-1, "spawn-failed")
    assert tried["stderr_tail"] == "spawn-failed: exec: No such file or directory"
    tried = ask(office, HookTest("slow"))
    assert (tried["timed_out"], tried["exit_code"]) == (True, -1)
    assert tried["duration_ms"] >= 1000
    assert ask(office, HookTest("broken", first)) == ("NOTFOUND", f"email '{first}' not found in sent/ops")
    assert ask(office, HookTest("ghost")) == ("ENOENT", "hook 'ghost' not found")


def test_only_so_many_are_tried_out_at_once(office, tmp_path):
    gate_ = tmp_path / "gate"
    cmd = json.dumps(["/bin/sh", "-c", f"until [ -e {gate_} ]; do sleep 0.02; done"])
    office.aimx("hooks", "create", "--mailbox", "other", "--event", "after_send", "--name", "held", "--cmd", cmd)
    ended = []
    threads = [
        threading.Thread(target=lambda: ended.append(ask(office, HookTest("held"))))
        for _ in range(limits.HOOK_TESTS_PER_UID)
    ]
    for thread in threads:
        thread.start()
    until(lambda: [run["state"] for run in ask(office, HookRuns(hook="held"))] == ["running"] * len(threads))
    assert ask(office, HookTest("held")) == ("TEMP", "too many hooks are being tried out at once, try again later")
    gate_.touch()
    for thread in threads:
        thread.join(30)
    assert len(ended) == len(threads)
    assert ask(office, HookTest("strict"))["exit_code"] == 0
    office.aimx("hooks", "delete", "held", "-y")


@pytest.mark.skipif(os.geteuid() != 0, reason="a daemon of a developer's own is every owner")
def test_a_test_ends_with_who_asked_for_it(office, tmp_path):
    """Who has only ended his writing has not left."""
    note = tmp_path / "note"
    script = f"trap 'echo told >>{note}; exit 0' TERM; echo up >>{note}; while :; do sleep 0.02; done"
    cmd = json.dumps(["/bin/sh", "-c", script])
    office.aimx("hooks", "create", "--mailbox", "other", "--event", "after_send", "--name", "patient", "--cmd", cmd)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(office.daemon.socket))
        sock.sendall(codec.encode_request(HookTest("patient")))
        sock.shutdown(socket.SHUT_WR)
        until(note.exists)
        assert [run["state"] for run in ask(office, HookRuns(hook="patient"))] == ["running"]
    until(lambda: [run["state"] for run in ask(office, HookRuns(hook="patient"))] == ["interrupted"])
    assert note.read_text().split() == ["up", "told"]
    office.aimx("hooks", "delete", "patient", "-y")


def test_without_an_owner_nothing_runs_and_the_explanation_says_so(office):
    assert ask(office, HookTest("ownerless")) == ("VALIDATION", "hook 'ownerless' cannot run: owner-not-found")
    told = ask(office, HookExplain("ownerless", "any"))
    passes = {found["gate"]: found["passes"] for found in told["gates"]}
    every = ("event", "trust", "automated", "budget", "owner", "directory", "program")
    assert passes == {**dict.fromkeys(every), "owner": False}
    assert list(passes) == list(every)
    assert (told["fires"], gate(told, "owner")["why"]) == (False, "owner-not-found")
    shown = office.aimx("hooks", "explain", "ownerless", "--email", "any").stdout
    assert "  FAIL  owner      owner-not-found  [system]\n" in shown
    assert "\nIt would not fire now: owner.\n" in shown


# The commands


def test_the_commands_show_it(office, first):
    done = office.aimx("hooks", "runs", "--mailbox", "ops", "--id", first, "--hook", "strict")
    assert done.stdout.splitlines()[0].split() == [
        "CREATED", "HOOK", "MAILBOX", "EVENT", "EMAIL", "STATE", "EXIT", "MS", "CPU", "MEMORY", "NOTE",
    ]  # fmt: skip
    assert re.search("skipped +- +- +- +- +trusted=none fire_on_untrusted=false\n", done.stdout)
    done = office.aimx("hooks", "runs", "--hook", "ghost")
    assert (done.returncode, done.stdout) == (0, "No hook runs.\n")
    assert json.loads(office.aimx("hooks", "runs", "--json", "--limit", "2").stdout)[1]["hook"]
    done = office.aimx("hooks", "explain", "strict", first)
    assert (
        "  FAIL  trust      trusted=none fire_on_untrusted=false; trust = none now: no mail is trusted;" in done.stdout
    )
    assert "; dkim=none  [front matter]\n" in done.stdout
    assert "It would not fire now: trust.\nWhat happened:\n" in done.stdout
    done = office.aimx("hook", "test", "trusting", "--id", first)
    assert done.returncode == 1
    assert done.stdout.startswith(f"Hook trusting ran for {first}: exit code 3 after ")
    assert "\nstderr:\n  First\n" in done.stdout
    done = office.aimx("hooks", "test", "personal")
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["stdout: nothing", "stderr: nothing"])
    assert json.loads(office.aimx("hooks", "test", "strict", "--json").stdout)["stdout_tail"] == "out"
    assert "tip: a similar hook exists: 'strict'" in office.aimx("hooks", "explain", "strct", first).stderr


def test_the_email_is_named_by_a_flag_or_a_place_and_only_once(office, first):
    told = [
        office.aimx("hook", "explain", "strict", *words, "--json").stdout for words in ((first,), ("--email", first))
    ]
    assert json.loads(told[0]) == json.loads(told[1])
    for flag in ("--email", "--id"):
        assert json.loads(office.aimx("hooks", "test", "strict", flag, first, "--json").stdout)["email_id"] == first
    assert json.loads(office.aimx("hooks", "test", "strict", "--sample", "--json").stdout)["email_id"] == "sample"


WRONG = {
    "explain-twice": ("explain", "strict", "x", "--email", "y"),
    "explain-nothing": ("explain", "strict"),
    "test-sample-and-email": ("test", "strict", "--sample", "--email", "x"),
    "test-sample-and-id": ("test", "strict", "--sample", "--id", "x"),
    "test-email-and-id": ("test", "strict", "--email", "x", "--id", "x"),
}


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG)
def test_an_email_that_is_not_clear_is_a_usage_error(tmp_path, words):
    done = Office(Daemon(tmp_path)).aimx("hooks", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: aimx hooks" in done.stderr


def test_the_end_of_stderr_stands_below_a_run_bounded_and_visible(office):
    script = r"printf 'one\ntwo\n\nthree\n\033]0;x\007%0400d' 7 >&2; exit 9"
    office.aimx("hooks", "create", "--mailbox", "other", "--event", "on_receive", "--name", "writes",
                "--cmd", json.dumps(["/bin/sh", "-c", script]))  # fmt: skip
    office.aimx("hooks", "test", "writes")
    done = office.aimx("hooks", "runs", "--hook", "writes")
    _, row, *below = done.stdout.splitlines()
    assert re.search(r"done   9     \d+ +\d+ ms  (-|\d+\.\d MiB) +test$", row), row
    assert below[:2] == ["    stderr: two", "    stderr: three"]
    assert below[2].startswith("    stderr: \\x1b]0;x\\x0700000")
    assert below[2].endswith("0…")
    assert len(below) == limits.HOOK_RUNS_LINES
    assert json.loads(office.aimx("hooks", "runs", "--hook", "writes", "--json").stdout)[0]["stderr_tail"].endswith("7")
    office.aimx("hooks", "delete", "writes", "-y")


def test_the_last_five_hundred_runs_are_shown_unless_fewer_are_asked_for(office):
    with sqlite3.connect(office.daemon.data / ".aimx" / "state.db", timeout=30) as db:
        db.executemany(
            "INSERT INTO jobs (state, hook, mailbox, event, folder, email_id, path, message, env, conversation,"
            " created, exit_code, timed_out, duration_ms, stderr_tail, owner_uid)"
            " VALUES ('done', 'many', 'other', 'on_receive', 'inbox', ?, '/p', 1, x'80', '', ?, 0, 0, 1, ?, ?)",
            [(f"m{n}", time.time(), "\x07" * 1000, os.geteuid()) for n in range(limits.RUNS_KEPT + 10)],
        )
    db.close()
    told = json.loads(office.aimx("hooks", "runs", "--hook", "many", "--json").stdout)
    assert [run["email_id"] for run in told] == [f"m{number}" for number in range(509, 9, -1)]
    lines = office.aimx("hooks", "runs", "--hook", "many").stdout.splitlines()
    assert len(lines) == 1 + 2 * limits.RUNS_KEPT
    assert {len(line) for line in lines[2::2]} == {len("    stderr: ") + 4 * 159 + 1}
    assert office.aimx("hook", "runs", "--hook", "many", "--limit", "1").stdout.count("\n") == 3


def test_output_of_a_hook_is_not_sent_to_the_terminal_as_it_is(office):
    office.aimx("hooks", "create", "--mailbox", "other", "--event", "on_receive", "--name", "hostile",
                "--cmd", json.dumps(["/usr/bin/printf", "\\033]0;x\\007\\n\\033[2J"]))  # fmt: skip
    done = office.aimx("hooks", "test", "hostile")
    assert "\x1b" not in done.stdout
    assert "  \\x1b]0;x\\x07\n  \\x1b[2J\n" in done.stdout
    office.aimx("hooks", "delete", "hostile", "-y")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root does it without a daemon")
def test_root_tries_out_a_hook_without_a_daemon(tmp_path):
    stopped = Daemon(tmp_path, config_text(HOOKS.partition("[mailboxes.other]")[0]))
    here = Office(stopped)
    done = here.aimx("hooks", "test", "strict")
    assert (done.returncode, done.stderr) == (0, "")
    assert "stdout:\n  out\n" in done.stdout
    assert "test" in here.aimx("hooks", "runs").stdout.splitlines()[1].split()
    stopped.close()
