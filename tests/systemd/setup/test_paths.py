"""Directories whose names a unit has to be careful with, where the daemon's sandbox would let it write nothing else."""

import pytest

from tests.systemd.setup.bare import AIMX
from tests.systemd.setup.places import DOMAIN
from tests.systemd.setup.world import until

ODD = "/usr/local/my $HOME's 100% \"x\\y;"
CONFIG, DATA = f"{ODD}/etc $X", f"{ODD}/da\\ta %n"


@pytest.fixture
def odd(bare):
    """Set up there."""
    bare.wipe()
    script = 'AIMX_NONINTERACTIVE=1 AIMX_CONFIG_DIR="$1" "$0" --data-dir "$2" setup --skip-preflight "$3"'
    bare.machine.run("mkdir", "-p", ODD)
    bare.machine.run("sh", "-c", script, AIMX, CONFIG, DATA, DOMAIN)
    yield bare
    bare.wipe()
    bare.machine.run("rm", "-rf", ODD)


def test_the_daemon_reads_and_writes_there_and_only_there(odd):
    odd.aimx("mailboxes", "create", "hi", user="alice")
    assert "[mailboxes.hi]" in odd.machine.run("cat", f"{CONFIG}/config.toml")
    assert odd.state(f"{DATA}/inbox/hi", f"{DATA}/sent/hi").count("alice:alice") == 2
    odd.machine.run("systemctl", "reload", "aimx")
    odd.mail_in(f"hi@{DOMAIN}", "here")
    until(lambda: odd.machine.run("ls", f"{DATA}/inbox/hi"), "it lies there")
    pid = odd.machine.run("systemctl", "show", "-P", "MainPID", "aimx")
    for place, allowed in ((CONFIG, True), (DATA, True), (ODD, False), ("/etc", False), ("/usr", False)):
        test = 'touch "$1/.probe" 2>/dev/null && rm "$1/.probe" && echo yes || echo no'
        found = odd.machine.run("nsenter", "-t", pid, "-m", "sh", "-c", test, "sh", place)
        assert found == ("yes" if allowed else "no"), place
    assert odd.machine.run("systemd-analyze", "verify", "aimx.service") == ""
