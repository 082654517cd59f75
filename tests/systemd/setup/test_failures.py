"""Something fails at every step of setup: it says what, leaves a host that the next run repairs, and no service."""

import contextlib

import pytest

from tests.systemd.setup.places import DOMAIN
from tests.systemd.setup.world import until

_WRAPPER = """#!/bin/sh
case " $* " in *" {verb} "*) {act} ;; esac
exec /usr/bin/systemctl "$@"
"""
_HOLD = "touch /run/held; while [ -e /run/held ]; do sleep 0.1; done"


@pytest.fixture(autouse=True)
def nothing(bare):
    """Nothing is set up, before and afterwards."""
    bare.wipe()
    yield
    bare.wipe()


@contextlib.contextmanager
def port_taken(bare):
    script = "import socket\ns = socket.create_server(('0.0.0.0', 25))\nwhile True: s.accept()"
    bare.machine.run("systemd-run", "--quiet", "--unit=taker", "python3", "-c", script)
    until(lambda: ":0019 " in bare.machine.run("cat", "/proc/net/tcp"), "it listens")
    try:
        yield
    finally:
        bare.machine.run("systemctl", "stop", "taker")


@contextlib.contextmanager
def hidden(bare, *paths):
    """Programs that this host does not have."""
    script = 'for path; do [ ! -e "$path" ] || mv "$path" "$path{}"; done'
    bare.machine.run("sh", "-c", script.format(".away"), "sh", *paths)
    try:
        yield
    finally:
        bare.machine.run(
            "sh", "-c", 'for path; do [ ! -e "$path.away" ] || mv "$path.away" "$path"; done', "sh", *paths
        )


@contextlib.contextmanager
def full(bare, directory):
    """A file system without room."""
    script = 'mkdir -p "$0"; mount -t tmpfs -o size=4k tmpfs "$0"; head -c 4096 /dev/zero >"$0/ballast"'
    bare.machine.run("sh", "-c", script, directory)
    try:
        yield
    finally:
        bare.machine.run("umount", directory)


@contextlib.contextmanager
def refusing(bare, verb, act='echo "Failed: not today" >&2; exit 1'):
    """A systemctl that does not do one thing."""
    bare.machine.write("/usr/local/bin/systemctl", _WRAPPER.format(verb=verb, act=act), 0o755)
    try:
        yield
    finally:
        bare.machine.run("rm", "-f", "/usr/local/bin/systemctl", "/run/held")


@contextlib.contextmanager
def ending(bare):
    """A daemon that does not come up."""
    bare.machine.write("/run/systemd/system/aimx.service.d/end.conf", "[Service]\nExecStartPre=/bin/false\n")
    try:
        yield
    finally:
        bare.machine.run("rm", "-r", "/run/systemd/system/aimx.service.d")
        bare.machine.run("systemctl", "daemon-reload")


FAILURES = {
    "no-useradd": (lambda bare: hidden(bare, "/usr/sbin/useradd", "/usr/sbin/adduser"), "useradd"),
    "no-room-for-certificates": (lambda bare: full(bare, "/etc/ssl/aimx"), "No space left on device"),
    "no-room-for-keys": (lambda bare: full(bare, "/etc/aimx"), "No space left on device"),
    "daemon-reload-fails": (lambda bare: refusing(bare, "daemon-reload"), "systemctl daemon-reload: Failed: not today"),
    "enable-fails": (lambda bare: refusing(bare, "enable"), "systemctl enable aimx: Failed: not today"),
    "start-fails": (lambda bare: refusing(bare, "start"), "Failed: not today"),
    "daemon-ends": (ending, "aimx"),
}


def repaired(bare):
    """The next run does it all."""
    said = bare.unattended(DOMAIN)
    assert said.endswith("exit 0"), said
    assert bare.active()
    assert bare.serves()


@pytest.mark.parametrize("case", FAILURES)
def test_what_fails_is_told_and_the_next_run_repairs_it(bare, case):
    fails, text = FAILURES[case]
    with fails(bare):
        said = bare.unattended(DOMAIN)
        assert said.endswith("exit 1"), said
        assert text in said
        assert "Traceback" not in said
        assert not bare.active()
    repaired(bare)


def test_somebody_else_has_the_port(bare):
    with port_taken(bare):
        run = bare.setup(DOMAIN)
        assert run.end() == 1
        assert "Port 25 is occupied by python3" in run.said
        assert bare.state("/etc/aimx", "/etc/ssl/aimx", "/var/lib/aimx") == ""
    repaired(bare)


PROMPTS = {
    "domain": ((), "Enter the domain", ()),
    "records": ((DOMAIN,), "Press Enter to verify", ()),
    "senders": ((DOMAIN,), "Who may your agents act for?", ("q",)),
    "catchall": ((DOMAIN,), "Create the catchall mailbox?", ("q", "", "y")),
}


@pytest.mark.parametrize("prompt", PROMPTS)
def test_ctrl_c_at_a_question(bare, prompt):
    words, text, answers = PROMPTS[prompt]
    run = bare.setup("--skip-preflight", *words)
    run.answer(*answers)
    run.expect(text)
    run.interrupt()
    assert run.end() == 130, run.said
    assert "Traceback" not in run.said
    assert bare.state("/etc/aimx/config.toml", "/etc/ssl/aimx", "/etc/systemd/system/aimx.service") == ""


def test_ctrl_c_while_the_service_starts(bare):
    with refusing(bare, "start", _HOLD):
        run = bare.setup("--skip-preflight", DOMAIN)
        run.answer("q", "", "y", "y")
        run.expect("Installing")
        until(lambda: bare.state("/run/held"), "it starts", lambda: run.said)
        run.interrupt()
        assert run.end() == 130, run.said
        assert "Traceback" not in run.said
        assert not bare.active()
    repaired(bare)
