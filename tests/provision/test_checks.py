"""Each check against a host that differs in one thing: what is found, how bad it is, and what is to be typed."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import msgspec
import pytest

from aimx.cli import doctor_text, main
from aimx.cli.style import Style
from aimx.daemon.certificate import server_context
from aimx.flows.status import Dkim, Helpers
from aimx.model.config import Hook, Mailbox
from aimx.model.status import Share, Waiting
from aimx.provision import checks, report
from aimx.provision.facts import Certificate, File, Owner, Probe, Program, Smtp, Space, Stray
from aimx.provision.initsystem import Init
from aimx.store.survey import Books, HookTrouble
from tests.provision import healthy
from tests.provision.healthy import ALICE, CONFIG_FILE, DATA, DAY, KEY_FILE, NOW, ROOT, STATUS, SUPPORT, but, directory

replace = msgspec.structs.replace
ABSENT = Probe("/run/aimx/aimx.sock", "absent")
SILENT = Probe("/run/aimx/aimx.sock", "failed", "daemon probe failed: no answer within 500 ms", pid=42, uid=0)


def _file(found: File, **changed) -> File:
    return replace(found, **changed)


def _key(**changed):
    return replace(ROOT.key, **changed)


def _directory(**changed):
    return (directory("inbox", "support", **changed), *ROOT.directories[1:])


def _told(**changed):
    return replace(ROOT.probe, status=replace(STATUS, **changed))


def _hooked(*hooks: Hook, **changed) -> Mailbox:
    return replace(SUPPORT, hooks=hooks, **changed)


def _config(*boxes: Mailbox, **changed):
    return healthy.config(*boxes, **changed)


ALWAYS = Hook("always", "on_receive", ("/x",), fire_on_untrusted=True)
SENT = Hook("sent", "after_send", ("/x",))

CASES = {
    "config-missing": (
        but(config_file=_file(CONFIG_FILE, state="missing", mode=None), config=None, key=None, names=None),
        ["fail CONFIG-MISSING", "skip DNS-NOT-CHECKED"],
    ),
    "config-invalid": (
        but(config_file=_file(CONFIG_FILE, state="broken", why="/etc/aimx/config.toml: domain: is none"), config=None),
        ["fail CONFIG-INVALID"],
    ),
    "config-writable": (but(config_file=_file(CONFIG_FILE, mode=0o666)), ["fail CONFIG-WRITABLE"]),
    "config-readable": (but(config_file=_file(CONFIG_FILE, mode=0o644)), ["info CONFIG-MODE"]),
    "config-owner": (but(config_file=_file(CONFIG_FILE, uid=1001)), ["fail CONFIG-OWNER"]),
    "config-owner-of-a-developer": (but(config_file=_file(CONFIG_FILE, uid=1001), as_root=False), []),
    "config-differs": (but(probe=_told(config=replace(STATUS.config, differs=True))), ["warn CONFIG-DIFFERS"]),
    "config-differs-for-alice": (
        but(ALICE, probe=_told(config=replace(STATUS.config, differs=True))),
        ["warn CONFIG-DIFFERS", "skip CONFIG-NOT-CHECKED", "skip STATE-DB-NOT-CHECKED"],
    ),
    "config-warning": (but(config=_config(warnings=("colour: unknown key, ignored",))), ["warn CONFIG-WARNING"]),
    "private-mx": (but(config=_config(allow_private_mx=True)), ["info PRIVATE-MX-ALLOWED"]),
    "postmaster": (but(config=_config(SUPPORT)), ["warn POSTMASTER-MISSING"]),
    "postmaster-named": (but(config=_config(SUPPORT, postmaster="support")), []),
    "postmaster-mailbox": (but(config=_config(replace(SUPPORT, name="Postmaster"))), []),
    "postmaster-address": (but(config=_config(replace(SUPPORT, address="Postmaster@Agent.Example.com"))), []),
    "daemon-down": (but(probe=ABSENT, smtp=Smtp("127.0.0.1:25", "closed")), ["fail DAEMON-DOWN"]),
    "daemon-silent": (but(probe=SILENT, smtp=Smtp("127.0.0.1:25", "unknown")), ["fail DAEMON-SILENT"]),
    "daemon-slow": (
        but(probe=replace(ROOT.probe, why="daemon probe failed: no answer within 500 ms", tag="")),
        ["warn DAEMON-SLOW"],
    ),
    "other-server": (
        but(probe=ABSENT, smtp=Smtp("127.0.0.1:25", "other", "220 mail ESMTP Postfix")),
        ["fail DAEMON-DOWN", "fail SMTP-OTHER-SERVER"],
    ),
    "port-closed": (but(smtp=Smtp("127.0.0.1:25", "closed")), ["fail SMTP-CLOSED"]),
    "port-silent": (but(smtp=Smtp("127.0.0.1:25", "unknown")), ["skip SMTP-NOT-CHECKED"]),
    "test-variable": (
        but(probe=_told(test_variables=("AIMX_TEST_DNS", "AIMX_TEST_MAIL_DROP"))),
        ["warn TEST-VARIABLE", "warn TEST-VARIABLE"],
    ),
    "original-daemon": (but(probe=replace(ROOT.probe, status=None)), []),
    "key-not-loaded": (but(probe=_told(dkim=Dkim("aimx", None))), ["fail DKIM-KEY-NOT-LOADED"]),
    "another-key-loaded": (but(probe=_told(dkim=Dkim("old", "v=DKIM1; p=AAAA"))), ["warn DKIM-KEY-NOT-LOADED"]),
    "index-sick": (but(probe=_told(index_healthy=False)), ["warn INDEX-DB"]),
    "tls-missing": (
        but(certificate=None, smtp=Smtp("127.0.0.1:25", "ours", "220 x ESMTP aimx")),
        ["warn TLS-MISSING"],
    ),
    "tls-expired": (but(certificate=Certificate("a", NOW - 9 * DAY, NOW - 1)), ["warn TLS-EXPIRED"]),
    "tls-expires": (but(certificate=Certificate("a", NOW - 9 * DAY, NOW + 2 * DAY)), ["warn TLS-EXPIRES"]),
    "tls-not-yet": (but(certificate=Certificate("a", NOW + 1, NOW + 90 * DAY)), ["warn TLS-NOT-YET-VALID"]),
    "worker-user": (but(users={**ROOT.users, "aimx-worker": False}), ["fail WORKER-USER-MISSING"]),
    "worker-user-of-a-developer": (but(users={**ROOT.users, "aimx-worker": False}, as_root=False), []),
    "legacy-user": (but(users={**ROOT.users, "aimx-hook": True}), ["info LEGACY-AIMX-HOOK-USER"]),
    "legacy-socket": (but(old_socket=True), ["info LEGACY-SOCKET"]),
    "key-missing": (
        but(key=_key(private=_file(KEY_FILE, state="missing", mode=None, uid=None))),
        ["fail DKIM-KEY-MISSING"],
    ),
    "key-broken": (
        but(key=_key(private=_file(KEY_FILE, state="broken", why="no PEM"), record=None)),
        ["fail DKIM-KEY-BROKEN", "skip DNS-NOT-CHECKED"],
    ),
    "key-unreadable-for-root": (
        but(key=_key(private=_file(KEY_FILE, state="unreadable", why="I/O error"))),
        ["fail DKIM-KEY-UNREADABLE"],
    ),
    "key-mode": (but(key=_key(private=_file(KEY_FILE, mode=0o640))), ["fail DKIM-KEY-MODE"]),
    "key-owner": (but(key=_key(private=_file(KEY_FILE, uid=1001))), ["fail DKIM-KEY-OWNER"]),
    "key-public-differs": (but(key=_key(public_differs=True)), ["warn DKIM-PUBLIC-KEY-DIFFERS"]),
    "selector-of-which-nothing-is-known": (but(key=_key(selector="aimx2")), ["skip DNS-NOT-CHECKED"]),
    "owner-orphan": (
        but(owners=(Owner("alice", None, None), ROOT.owners[1])),
        ["fail MAILBOX-OWNER-ORPHAN"],
    ),
    "catchall-user": (
        but(owners=(ROOT.owners[0], Owner("aimx-catchall", None, None))),
        ["fail CATCHALL-USER-MISSING"],
    ),
    "dir-missing": (but(directories=_directory(state="missing", uid=None)), ["warn MAILBOX-DIR-MISSING"]),
    "dir-no-directory": (but(directories=_directory(state="not-a-directory")), ["fail MAILBOX-DIR-NOT-DIR"]),
    "dir-hidden": (but(directories=_directory(state="hidden")), []),
    "dir-owner": (but(directories=_directory(uid=0)), ["fail MAILBOX-DIR-OWNER-DRIFT"]),
    "dir-group": (but(directories=_directory(gid=100)), ["warn MAILBOX-DIR-GROUP-DRIFT"]),
    "dir-mode": (but(directories=_directory(mode=0o755)), ["warn MAILBOX-DIR-MODE-DRIFT"]),
    "dir-mount": (but(directories=_directory(foreign_device=True)), ["fail MAILBOX-DIR-DEVICE"]),
    "stray-with-mail": (but(strays=(Stray(f"{DATA}/inbox/old", 3),)), ["warn ORPHAN-STORAGE"]),
    "stray-hidden": (but(strays=(Stray(f"{DATA}/inbox/old", None),)), ["warn ORPHAN-STORAGE"]),
    "stray-empty": (but(strays=(Stray(f"{DATA}/inbox/old", 0),)), []),
    "strays": (but(strays=tuple(Stray(f"{DATA}/sent/{n}", 1) for n in range(99))), ["warn ORPHAN-STORAGE"] * 21),
    "spool": (
        but(books=Books("read", "", (Waiting("support", 2, NOW - 7300, "x; run: chown alice: /y"),), index="read")),
        ["fail SPOOL-WAITING"],
    ),
    "spool-of-a-mailbox-that-is-gone": (
        but(books=Books("read", "", (Waiting("old", 1, NOW, "the mailbox is no longer in the configuration"),))),
        ["fail SPOOL-WAITING"],
    ),
    "no-worker": (but(probe=_told(helpers=Helpers(Share(0, 2), True))), ["fail WORKERS-MISSING"]),
    "one-worker": (but(probe=_told(helpers=Helpers(Share(1, 2), True))), ["info WORKERS-MISSING"]),
    "no-resolver": (but(probe=_told(helpers=Helpers(Share(2, 2), False))), ["fail RESOLVER-MISSING"]),
    "mail-elsewhere": (but(probe=_told(data_dir="/srv/mail")), ["info DATA-DIR-DIFFERS"]),
    "mail-elsewhere-by-flag": (but(probe=replace(_told(data_dir="/srv/mail"), data_dir_flag="/srv/mail")),
                               ["info DATA-DIR-DIFFERS"]),
    "hook-never-trust": (but(config=_config(_hooked(ALWAYS, SENT, healthy.HOOK, trust="none"), healthy.CATCHALL)),
                         ["warn HOOK-NEVER-FIRES"]),
    "hook-never-senders": (but(config=_config(_hooked(healthy.HOOK, trusted_senders=()), healthy.CATCHALL)),
                           ["warn HOOK-NEVER-FIRES"]),
    "hook-program": (but(programs=(Program("h", "support", "/no", "missing"),)), ["warn HOOK-PROGRAM-MISSING"]),
    "hook-program-mode": (but(programs=(Program("h", "support", "/etc/hosts", "not-executable"),)),
                          ["warn HOOK-PROGRAM-MISSING"]),
    "hook-program-hidden": (but(programs=(Program("h", "support", "/home/x/p", "hidden"),)), []),
    "hook-backlog": (but(books=Books("read", hooks_waiting=4, hooks_oldest=NOW - 3600, hooks_most="h")),
                     ["warn HOOK-BACKLOG"]),
    "hook-busy": (but(books=Books("read", hooks_waiting=4, hooks_oldest=NOW - 60)), []),
    "hook-failures": (
        but(books=Books("read", trouble=(HookTrouble("triage", 3, "timed out"),))),
        ["warn HOOK-FAILURES"],
    ),
    "dns-wrong": (
        but(names=healthy.names(a=[], mx=[], spf=[], dkim=[], dmarc=[], ptr=[])),
        ["fail DNS-A", "fail DNS-MX", "fail DNS-SPF", "fail DNS-DKIM", "fail DNS-DMARC"],
    ),
    "dns-silent": (
        but(names=healthy.names(a=None, mx=None, spf=None, dkim=None, dmarc=None, ptr=None)),
        ["skip DNS-NOT-CHECKED"],
    ),
    "dns-weak": (but(names=healthy.names(dmarc=["v=DMARC1; p=none"], ptr=[])), ["warn DNS-DMARC", "warn DNS-PTR"]),
    "dns-selector-of-another-key": (but(names=healthy.names(dkim=["v=DKIM1; p=QUJD"])), ["fail DNS-DKIM"]),
    "data-dir-missing": (but(data_dir_file=File(DATA, "missing", ""), probe=ABSENT, smtp=Smtp("", "closed")),
                         ["fail DAEMON-DOWN", "info DATA-DIR-MISSING"]),
    "data-dir-gone": (but(data_dir_file=File(DATA, "missing", "")), ["fail DATA-DIR-MISSING"]),
    "data-dir-owner": (but(data_dir_file=File(DATA, "read", "", 0o755, 1001)), ["fail DATA-DIR-OWNER"]),
    "data-dir-writable": (but(data_dir_file=File(DATA, "read", "", 0o775, 0)), ["fail DATA-DIR-WRITABLE"]),
    "disk-full": (but(space=Space(DATA, 2**30, 2**20, 0, 0)), ["fail DISK-FULL"]),
    "disk-low": (but(space=Space(DATA, 2**30, 2**28, 0, 0)), ["warn DISK-LOW"]),
    "inodes-low": (but(space=Space(DATA, 2**40, 2**39, 1000, 10)), ["warn INODES-LOW"]),
    "state-broken": (but(books=Books("broken", "file is not a database", index="read")), ["fail STATE-DB"]),
    "state-unreadable": (but(books=Books("unreadable", "I/O error")), ["fail STATE-DB"]),
    "state-missing": (but(books=Books("missing")), ["warn STATE-DB"]),
    "index-broken": (but(books=Books("read", index="broken")), ["warn INDEX-DB"]),
    "clock": (but(clock_synchronised=False), ["info CLOCK-NOT-SYNCHRONISED"]),
    "clock-not-told": (but(clock_synchronised=None), []),
    "version-drift": (but(probe=replace(ROOT.probe, tag="1.2.3", git_hash="9e8f7d6c")), []),
    "alice-key-unknown": (but(ALICE, key=None),
                          ["skip CONFIG-NOT-CHECKED", "skip DKIM-KEY-NOT-CHECKED", "skip DNS-NOT-CHECKED",
                           "skip STATE-DB-NOT-CHECKED"]),
}  # fmt: skip


def told(facts) -> list[str]:
    return [f"{finding.severity} {finding.id}" for finding in checks.findings(facts)]


def test_a_healthy_host_passes_everything():
    assert told(ROOT) == []


def test_what_an_ordinary_user_may_not_see_is_no_failure():
    assert told(ALICE) == ["skip CONFIG-NOT-CHECKED", "skip STATE-DB-NOT-CHECKED"]


@pytest.mark.parametrize(("facts", "expected"), CASES.values(), ids=CASES)
def test_one_difference_is_found(facts, expected):
    assert told(facts) == expected


def _ids() -> set[str]:
    source = "".join(path.read_text() for path in Path(checks.__file__).parent.glob("*.py"))
    return set(re.findall(r'"([A-Z0-9]+(?:-[A-Z0-9]+)+)"', source))


INITS = (Init("systemd", True), Init("openrc", True), Init("none", False))


def test_every_id_has_a_case():
    found = {line.partition(" ")[2] for _, expected in CASES.values() for line in expected}
    assert (_ids() - {"DNS-SPF-IPV6", "DNS-PTR-IPV6"}) | {
        f"DNS-{name}" for name in records() if name != "AAAA"
    } == found | {"CONFIG-NOT-CHECKED"}


@pytest.mark.parametrize(
    "init", [Init("systemd", True), Init("openrc", True), Init("none", False)], ids=lambda i: i.kind
)
@pytest.mark.parametrize("facts", [case[0] for case in CASES.values()], ids=CASES)
def test_commands_of_ours_in_a_fix_exist(facts, init):
    for finding in checks.findings(but(facts, init=init)):
        for line in finding.fix:
            words = shlex.split(line) if line.startswith(("sudo ", "aimx ", "AIMX_")) else []
            while words and (words[0] == "sudo" or "=" in words[0]):
                words = words[1:]
            if words[:1] == ["aimx"]:
                main.parser(main.find(words[1])).parse_args(words[2:])


@pytest.mark.parametrize("facts", [case[0] for case in CASES.values()], ids=CASES)
def test_a_failure_says_what_to_do(facts):
    for finding in checks.findings(facts):
        if finding.severity == "fail" and finding.id not in WITHOUT_FIX:
            assert finding.fix, finding


# An I/O error, and a directory that the daemon makes itself, leave nothing to type.
WITHOUT_FIX = {"DKIM-KEY-UNREADABLE", "DATA-DIR-MISSING", "STATE-DB"}


def test_fixes_name_the_installation_that_was_looked_at():
    facts = but(
        config_file=_file(CONFIG_FILE, path="/srv/etc/config.toml"),
        key=_key(private=_file(KEY_FILE, state="missing", mode=None)),
        init=Init("none", False),
    )
    (finding,) = checks.findings(facts)
    assert finding.fix == ("sudo AIMX_CONFIG_DIR=/srv/etc aimx dkim-keygen",)
    facts = but(facts, as_root=False)
    assert checks.findings(facts)[0].fix == ("AIMX_CONFIG_DIR=/srv/etc aimx dkim-keygen",)


def test_so_does_the_way_to_see_everything():
    facts = but(ALICE, config_file=_file(ALICE.config_file, path="/srv/etc/config.toml"), override="/srv/my data")
    (first, *_) = checks.findings(facts)
    assert first.fix == ("sudo AIMX_CONFIG_DIR=/srv/etc 'AIMX_DATA_DIR=/srv/my data' aimx doctor",)


@pytest.mark.parametrize("facts", [case[0] for case in CASES.values()], ids=CASES)
def test_everything_can_be_shown(facts):
    findings = checks.findings(facts)
    lines = list(doctor_text.lines(facts, findings, Style(coloured=False)))
    assert all(finding.id in "\n".join(lines) for finding in findings)
    assert all(line.isprintable() for line in lines)
    assert json.loads(json.dumps(report.report(facts, findings)))["summary"]


COMMANDS = {
    "systemd": (Init("systemd", True), "sudo systemctl start aimx"),
    "openrc": (Init("openrc", True), "sudo rc-service aimx start"),
    "systemd-without-unit": (Init("systemd", False), "sudo aimx serve"),
    "none": (Init("none", False), "sudo aimx serve"),
}


@pytest.mark.parametrize(("init", "line"), COMMANDS.values(), ids=COMMANDS)
def test_the_daemon_is_started_by_whoever_runs_it(init, line):
    (finding,) = checks.findings(but(probe=ABSENT, smtp=Smtp("127.0.0.1:25", "closed"), init=init))
    assert finding.fix == (line,)


def test_every_id_is_in_the_book():
    page = (Path(__file__).resolve().parents[2] / "book" / "troubleshooting.md").read_text()
    table = "".join(re.findall(r"^\| (`.*?) \|", page, re.MULTILINE))
    assert set(re.findall(r"`([A-Z0-9-]+)`", table)) == _ids() | {f"DNS-{name}" for name in records()}


def records() -> list[str]:
    return ["A", "AAAA", "MX", "SPF", "DKIM", "DMARC", "PTR"]


ELSEWHERE = replace(STATUS, smtp=replace(STATUS.smtp, address="127.0.0.1:2525"))
RESTARTS = {
    "usual": (STATUS, ("sudo kill 42", "sudo aimx serve")),
    "another-port": (ELSEWHERE, ("sudo kill 42", "sudo aimx serve --bind 127.0.0.1:2525")),
}


@pytest.mark.parametrize(("status", "fix"), RESTARTS.values(), ids=RESTARTS)
def test_a_restart_by_hand_listens_where_the_daemon_did(status, fix):
    status = replace(status, test_variables=("AIMX_TEST_DNS",))
    facts = but(probe=replace(ROOT.probe, pid=42, status=status), init=Init("none", False))
    (finding,) = checks.findings(facts)
    assert finding.fix == fix


def test_a_flag_of_the_daemon_is_repeated_where_it_is_looked_at_and_started():
    elsewhere = replace(_told(data_dir="/srv/mail"), data_dir_flag="/srv/mail")
    (finding,) = checks.findings(but(probe=elsewhere))
    assert finding.fix == ("sudo aimx doctor --data-dir /srv/mail",)
    facts = but(smtp=Smtp("127.0.0.1:25", "closed"), probe=elsewhere, init=Init("unknown", False))
    lines = [line for one in checks.findings(facts) for line in one.fix]
    assert "sudo aimx serve --data-dir /srv/mail" in lines


def test_a_variable_of_a_service_is_removed_where_the_service_has_it():
    facts = but(probe=_told(test_variables=("AIMX_TEST_DNS",)), init=Init("openrc", True))
    (finding,) = checks.findings(facts)
    assert finding.fix == ("sudo vi /etc/conf.d/aimx", "sudo rc-service aimx restart")


def test_a_certificate_of_setup_is_renewed_by_setup_and_no_other():
    for self_signed, fix in ((True, ("sudo aimx setup",)), (False, None)):
        (finding,) = checks.findings(but(certificate=Certificate("a", NOW - 9 * DAY, NOW - 1, self_signed)))
        assert (finding.fix == fix) == self_signed


def test_the_certificate_that_a_fix_makes_serves(tmp_path):
    bare = but(certificate=None, smtp=Smtp("127.0.0.1:25", "ours", "220 x ESMTP aimx"), init=Init("none", False))
    (finding,) = checks.findings(bare)
    for line in finding.fix[:-1]:
        words = shlex.split(line.replace("/etc/ssl/aimx", str(tmp_path / "ssl")))
        assert words[0] == "sudo"
        subprocess.run(words[1:], check=True, capture_output=True)
    assert server_context(tmp_path / "ssl" / "cert.pem", tmp_path / "ssl" / "key.pem")
    assert (tmp_path / "ssl" / "key.pem").stat().st_mode & 0o777 == 0o600


SPOOLS = {"new": (1, NOW, "1 message for support waits in the spool for less than an hour: x"),
          "old": (2, NOW - 7300, "2 messages for support wait in the spool for 2 h: x")}  # fmt: skip


@pytest.mark.parametrize(("copies", "since", "text"), SPOOLS.values(), ids=SPOOLS)
def test_what_waits_is_told_in_words(copies, since, text):
    (finding,) = checks.findings(but(books=Books("read", "", (Waiting("support", copies, since, "x"),), index="read")))
    assert finding.text == text


def test_mailboxes_of_which_nobody_tells_are_not_none():
    facts = but(ALICE, probe=ABSENT, mailboxes=(), owners=(), directories=())
    told_of = report.report(facts, ())
    assert (told_of["mailboxes"], told_of["ownership"]) == (None, None)
    assert "0 messages" not in "\n".join(doctor_text.lines(facts, (), Style(coloured=False)))


def test_a_hook_is_made_anew_as_it_was_but_for_the_path():
    hook = Hook("triage", "on_receive", ("/opt/agent", "-p", "it's mail"), True, 30, True)
    facts = but(
        config=_config(_hooked(hook), healthy.CATCHALL),
        programs=(Program("triage", "support", "/opt/agent", "missing"),),
    )
    (finding,) = checks.findings(facts)
    away, again = map(shlex.split, finding.fix)
    assert away == ["sudo", "aimx", "hooks", "delete", "triage", "--yes"]
    options = main.parser(main.find("hooks")).parse_args(again[3:])
    assert json.loads(options.cmd) == ["/correct/path/to/agent", "-p", "it's mail"]
    assert (options.mailbox, options.event, options.name) == ("support", "on_receive", "triage")
    assert (options.timeout_secs, options.fire_on_untrusted, options.skip_automated) == (30, True, True)
