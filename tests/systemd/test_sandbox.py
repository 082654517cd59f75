"""What a hook can touch: the owner's home, /tmp, /var/tmp and /var/log/aimx, and no device of the host."""

import pytest

from tests.systemd.host import HOMES, OWNERS

OPEN = ("/tmp", "/var/tmp", "/var/log/aimx", "/dev/shm")
CLOSED = (
    "/", "/etc", "/usr", "/usr/local/bin", "/opt/aimx", "/var/lib", "/var/lib/aimx", "/boot", "/srv", "/run",
    "/run/aimx", "/var/log", ".",
)  # fmt: skip
PRIVATE = {"null": "c1:3", "zero": "c1:5", "full": "c1:7", "random": "c1:8", "urandom": "c1:9", "tty": "c5:0"}


@pytest.fixture(scope="module")
def probed(host):
    return {owner: host.probe(owner) for owner in OWNERS}


@pytest.fixture(scope="module", params=OWNERS)
def owner(request):
    return request.param


def test_the_log_says_which_sandbox(host, probed, owner):
    line = host.line_of(probed[owner].hook)
    assert f"owner={owner} sandbox=systemd-run email_id={probed[owner].run['email_id']} exit_code=0 " in line
    assert line.endswith(' timed_out=false stderr_tail="said on stderr"')


def test_it_writes_where_the_recipes_do(probed, owner):
    writes = probed[owner]["writes"]
    assert {place: writes[place] for place in (*OPEN, HOMES[owner])} == dict.fromkeys((*OPEN, HOMES[owner]), "ok")


def test_everything_else_is_read_only(probed, owner):
    """For root too. Where the owner may not even enter, that is said instead."""
    writes = probed[owner]["writes"]
    assert {place: writes[place] for place in CLOSED} == dict.fromkeys(CLOSED, "EROFS")
    assert writes["/var/lib/aimx/.aimx"] == ("EROFS" if owner == "root" else "EACCES")


def test_nobody_else_s_home_is_open(probed, owner):
    """systemd leaves /home and /root to the modes that they have, which do not hold root."""
    if owner != "root":
        writes = probed[owner]["writes"]
        assert {writes[home] for home in HOMES.values() if home != HOMES[owner]} <= {"EROFS", "EACCES"}
        assert writes["/home"] == "EACCES"


def test_its_devices_are_its_own(probed, owner):
    devices = probed[owner]["devices"]
    assert {name: devices[name] for name in PRIVATE} == PRIVATE
    others = {name: kind for name, kind in devices.items() if name not in PRIVATE and kind[0] in "bc" and ":" in kind}
    assert set(others) <= {"ptmx", "console"}, others
    if owner == "root":
        assert probed[owner]["writes"]["/dev"] == "EROFS"


def test_it_gains_no_privileges(probed, owner):
    status = probed[owner]["status"]
    assert status["NoNewPrivs"] == "1"
    assert int(status["CapBnd"], 16) & (1 << 27 | 1 << 17) == 0  # CAP_MKNOD, CAP_SYS_RAWIO


def test_it_has_a_slice_and_a_unit(probed, owner):
    """Its tasks and memory are not the daemon's."""
    (group,) = {path for path in probed[owner]["cgroups"].values() if "aimx" in path}
    slice_, _, unit = group.strip("/").rpartition("/")
    assert slice_.endswith("aimx-hooks.slice") or slice_ == "aimx.slice/aimx-hooks.slice"
    assert unit.startswith("aimx-hook-")
    assert unit.endswith(".service")


def test_what_it_leaves_in_tmp_others_see(host):
    host.fire("alice", "/bin/sh", "-c", 'echo seen > "/tmp/$AIMX_HOOK_NAME.seen"; umask 000; echo x > /var/tmp/hers')
    (file,) = host.machine.file("/tmp").glob("*.seen")
    assert file.read_text() == "seen\n"
    assert host.machine.file("/var/tmp/hers").exists()


def test_a_program_that_raises_privileges_does_not(host):
    """A copy of `id` that is root's and set-uid runs as whoever asks."""
    host.machine.run("install", "-m", "4755", "/usr/bin/id", "/usr/local/bin/id-as-root")
    host.fire("alice", "/bin/sh", "-c", '/usr/local/bin/id-as-root > "$HOME/id"')
    assert host.machine.run("/usr/local/bin/id-as-root", user="carol").find("euid=0(root)") > 0
    assert "root" not in host.machine.file("/home/alice/id").read_text()
