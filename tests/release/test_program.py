"""The program file in fresh Debian trees: copied alone, unpacked once, whatever happens while it does."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

SUITES = ["bookworm", "trixie"]
SHARED = "/usr/local/lib/aimx"
BASES = {0: SHARED, 1000: "/home/alice/.cache/aimx"}
LINE = r"AIMX \(AI Mail Exchange\) version {tag} \([0-9a-f]{{8,}}\) x86_64-unknown-linux-gnu built \d{{4}}-\d\d-\d\d\n"
ALICE = 1000


@pytest.fixture(scope="module")
def settled(shared_machine, program):
    """A machine where it has been started before; whoever damages it, mends it."""
    fresh = shared_machine()
    fresh.put(program, "/usr/local/bin/aimx")
    fresh.run("aimx", "--version")
    return fresh


@pytest.fixture(params=SUITES)
def suite(request):
    return request.param


def listed(machine, base):
    """What lies there, with what interrupted starts may have left."""
    return machine.run("ls", "-A", base, check=False).stdout.split()


def state(machine, base):
    """Every file below, with size, mode, owner and time."""
    return machine.run("find", base, "-printf", "%p %s %m %u %C@\n").stdout


def test_a_fresh_tree_needs_nothing_but_the_file(machine, suite, program, tag):
    fresh = machine(suite)
    assert fresh.run("sh", "-c", "command -v python3 perl6 openssl curl", check=False).stdout == ""
    fresh.put(program, "/usr/local/bin/aimx")
    told = fresh.run("aimx", "--version")
    assert re.fullmatch(LINE.format(tag=re.escape(tag)), told.stdout) and told.stderr == ""
    (name,) = listed(fresh, SHARED)
    assert re.fullmatch(rf"{re.escape(tag)}-[0-9a-f]{{16}}", name)
    foreign = fresh.run("find", SHARED, "(", "!", "-uid", "0", "-o", "-perm", "/022", ")", "!", "-type", "l")
    assert foreign.stdout == ""
    before = state(fresh, SHARED)
    for uid in (0, ALICE):
        demo = fresh.run("aimx", "demo", uid=uid)
        assert "Traceback" not in demo.stdout + demo.stderr
    assert fresh.run("aimx", "--version", uid=ALICE).stdout == told.stdout
    assert state(fresh, SHARED) == before  # nothing is written later
    assert listed(fresh, "/home/alice/.cache/aimx") == []  # everybody uses root's


def test_every_module_of_ours_can_be_imported(settled, tmp_path):
    """What the tree leaves out is missed nowhere."""
    fresh = settled
    (tmp_path / "every.py").write_text(
        "import importlib, pkgutil, aimx, aimx_tui\n"
        "found = [m.name for p in (aimx, aimx_tui) for m in pkgutil.walk_packages(p.__path__, p.__name__ + '.')]\n"
        "for name in found:\n"
        "    if not name.endswith('__main__'): importlib.import_module(name)\n"
        "print(len(found))\n"
    )
    fresh.put(tmp_path / "every.py", "/tmp/every.py")
    script = f"{SHARED}/*/bin/python3 -I -W error::ImportWarning /tmp/every.py"
    assert int(fresh.run("sh", "-c", script).stdout) > 100
    listed = fresh.run("aimx", "agents", "list", uid=ALICE, check=False)
    assert "claude" in listed.stdout.lower() and "Error" not in listed.stderr


@pytest.mark.parametrize("uid", BASES, ids=["root", "alice"])
def test_first_starts_at_the_same_time_do_no_harm(machine, program, uid):
    fresh = machine()
    fresh.put(program, "/srv/mail tool")
    starts = [
        subprocess.Popen(
            fresh.argv(["/srv/mail tool", "--version"], uid), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    told = [(*start.communicate(timeout=180), start.returncode) for start in starts]
    assert len(set(told)) == 1 and told[0][1:] == ("", 0)
    (name,) = listed(fresh, BASES[uid])
    mode = fresh.run("stat", "-c", "%u %a", f"{BASES[uid]}/{name}").stdout
    assert mode == ("0 755\n" if uid == 0 else "1000 700\n")


@pytest.mark.parametrize(
    "damage",
    ["rm $T/complete", "rm $T/bin/python3", "rm -r $T/lib; rm $T/complete", "chmod a-x $T/bin/python3"],
    ids=["marker", "interpreter", "library", "mode"],
)  # fmt: skip
def test_a_damaged_tree_is_made_anew(settled, damage):
    whole = settled.run("aimx", "--version").stdout
    (name,) = listed(settled, SHARED)
    settled.run("sh", "-c", f"T={SHARED}/{name}; {damage}")
    assert settled.run("aimx", "--version").stdout == whole
    assert listed(settled, SHARED) == [name]


def test_a_missing_module_is_told_and_the_next_start_has_it(machine, program):
    fresh = machine()
    fresh.put(program, "/home/alice/aimx")
    start = ("/home/alice/aimx", "demo", "--help")
    whole = fresh.run(*start, uid=ALICE).stdout
    fresh.run("sh", "-c", "rm -r /home/alice/.cache/aimx/*/lib/python3.11/dist-packages/aimx/cli/demo.py")
    fresh.run("sh", "-c", "rm -r /home/alice/.cache/aimx/*/lib/python3.11/dist-packages/aimx/cli/__pycache__/demo.*")
    failed = fresh.run(*start, uid=ALICE, check=False)
    assert failed.stderr == "Error: files of aimx are missing or damaged; the next start unpacks it anew\n"
    assert failed.returncode == 1
    assert fresh.run(*start, uid=ALICE).stdout == whole


def test_an_interrupted_first_start_leaves_the_next_one_alone(machine, program):
    fresh = machine()
    fresh.put(program, "/usr/local/bin/aimx")
    start = subprocess.Popen(fresh.argv(["setsid", "-w", "aimx", "--version"]), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not any(name.startswith(".new-") for name in listed(fresh, SHARED)) and time.monotonic() < deadline:
        pass
    fresh.run(
        "sh", "-c", "for p in /proc/[0-9]*; do grep -qs aimx $p/cmdline && kill -9 ${p#/proc/}; done", check=False
    )
    start.wait(120)
    fresh.run("aimx", "--version")
    left = [name for name in listed(fresh, SHARED) if name.startswith(".")]
    for name in left:
        fresh.run("touch", "-d", "2 hours ago", f"{SHARED}/{name}")
    fresh.run("sh", "-c", f"rm {SHARED}/[0-9]*/complete")
    fresh.run("aimx", "--version")
    assert len(listed(fresh, SHARED)) == 1


def test_a_new_version_takes_away_what_its_user_has_not_started_for_long(machine, program):
    fresh = machine()
    fresh.put(program, "/srv/aimx")
    old, young = (f"{BASES[ALICE]}/0.0.{number}-0123456789abcdef" for number in (1, 2))
    fresh.run("mkdir", "-p", f"{old}/bin", f"{young}/bin", uid=ALICE)
    fresh.run("touch", "-d", "31 days ago", old, uid=ALICE)
    assert fresh.run("/srv/aimx", "--version", uid=ALICE).stderr == ""
    left = listed(fresh, BASES[ALICE])
    assert len(left) == 2 and young.rpartition("/")[2] in left


# What root does first, who starts, and the one line of what becomes of it.
REFUSALS = {
    "half a file": ("truncate -s 20M /srv/aimx", 0, "/srv/aimx is damaged: download it again"),
    "another octet": (
        "printf x | dd of=/srv/aimx bs=1 seek=9000000 conv=notrunc 2>/dev/null", 0,
        "/srv/aimx is damaged: download it again",
    ),
    "not readable": ("chmod 711 /srv/aimx", ALICE, None),
    "read-only": (
        "mount --bind /usr /usr && mount -o remount,ro,bind /usr", 0,
        f"{SHARED} cannot be made: is /usr/local read-only?",
    ),
    "open to all": (
        "chmod 777 /usr/local/lib", 0, "/usr/local/lib is open to all for writing: root unpacks nothing below it"
    ),
    "somebody's": (
        f"mkdir {SHARED}; chown 1000 {SHARED}", 0, f"{SHARED} does not belong to root: root unpacks nothing below it"
    ),
    "no home": (
        "true", "HOME",
        "aimx unpacks itself once below the home directory, and HOME is not set; or start it once as root",
    ),
    "home is closed": (
        "chown 0 /home/alice && chmod 755 /home/alice", ALICE,
        "/home/alice/.cache/aimx cannot be made: aimx unpacks itself there once; is it read-only?",
    ),
    "noexec": (
        "mkdir /home/alice/.cache && mount -t tmpfs -o noexec,mode=777 tmpfs /home/alice/.cache", ALICE,
        "aimx cannot run from /home/alice/.cache/aimx: ",
    ),
    "wrong machine": ("LINUX32", 0, "this aimx is made for x86_64; this machine is i686"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_what_stands_in_the_way_is_told_in_one_line(machine, program, case):
    first, who, line = REFUSALS[case]
    fresh = machine()
    fresh.put(program, "/srv/aimx")
    words = ["/srv/aimx", "--version"]
    if first == "LINUX32":
        words = ["setarch", "linux32", *words]
    else:
        fresh.run("sh", "-c", first)
    if who == "HOME":
        done = fresh.run("env", "-u", "HOME", *words, uid=ALICE, check=False)
    else:
        done = fresh.run(*words, uid=who, check=False)
    assert done.returncode != 0 and done.stdout == ""
    assert done.stderr.count("\n") == 1
    if line is not None:
        assert done.stderr.startswith(f"Error: {line}")


def test_a_full_disk_is_told_and_nothing_stays(machine, program):
    fresh = machine(size="100m")
    fresh.put(program, "/srv/aimx")
    done = fresh.run("/srv/aimx", "--version", check=False)
    assert done.returncode == 1
    assert re.fullmatch(rf"Error: aimx could not be unpacked into {SHARED}: no space left on the disk.*\n", done.stderr)
    assert listed(fresh, SHARED) == []


def test_a_system_that_is_too_old_is_told_which_glibc_it_takes(machine, program):
    fresh = machine("bullseye")
    fresh.put(program, "/usr/local/bin/aimx")
    done = fresh.run("aimx", "--version", check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "Error: this aimx needs glibc 2.36 or newer (Debian 12, Ubuntu 23.04, Fedora 37); this system has glibc 2.31\n"
    )
    assert listed(fresh, SHARED) == []


def test_under_another_name_it_is_the_verifier(settled):
    settled.run("ln", "-s", "/usr/local/bin/aimx", "/usr/bin/aimx-verifier")
    assert settled.run("aimx-verifier", "--help").stdout.startswith("The companion service")


def test_busybox_is_enough(machine, program):
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("no busybox here")
    fresh = machine()
    fresh.put(Path(busybox), "/opt/busybox")
    fresh.put(program, "/srv/aimx")
    fresh.run(
        "sh", "-c", "mkdir /opt/bin && for each in $(/opt/busybox --list); do ln -s /opt/busybox /opt/bin/$each; done"
    )
    env = {"PATH": "/opt/bin", "HOME": "/home/bob"}
    # Only BusyBox is left of the system's programs.
    hide = "mkdir /empty && mount --bind /empty /usr/sbin && mount --bind /empty /usr/bin"
    done = fresh.run("/opt/bin/sh", "-c", f"{hide} && sh /srv/aimx --version && sh /srv/aimx help", env=env)
    assert done.stdout.count("AIMX (AI Mail Exchange)") == 2 and done.stderr == ""


@pytest.fixture(scope="module")
def telling(shared_machine, program, tmp_path_factory):
    """A machine where the interpreter has been exchanged for one that tells what it is told."""
    fresh = shared_machine()
    fresh.put(program, "/srv/aimx")
    fresh.run("/srv/aimx", "--version")
    told = tmp_path_factory.mktemp("told") / "told"
    told.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    fresh.put(told, f"{SHARED}/{listed(fresh, SHARED)[0]}/bin/python3")
    return fresh


@pytest.mark.parametrize(
    ("place", "start"),
    [
        ("/srv/x/aimx", ["sh", "-c", "cd /srv; exec x/aimx demo --help"]),
        ("/srv/x/aimx", ["sh", "-c", "cd /srv/x; exec ./aimx demo --help"]),
        ("/srv/x/aimx", ["sh", "-c", "cd /srv/x; exec sh aimx demo --help"]),
        ("/srv/x/aimx", ["sh", "-c", "cd /srv/x; mkdir y; cd y; exec ../aimx demo --help"]),
        ("/srv/a b/$HOME's", ["sh", "-c", "ln -s \"/srv/a b/\\$HOME's\" /bin/mail-tool; exec mail-tool demo --help"]),
        ("/srv/x/aimx", ["env", "PATH=/usr/bin:/bin:/srv/x", "aimx", "demo", "--help"]),
    ],
    ids=["relative", "dot", "sh", "dot dot", "link", "PATH"],
)  # fmt: skip
def test_it_knows_its_own_path_however_it_is_started(telling, program, place, start):
    telling.run("mkdir", "-p", place.rpartition("/")[0])
    telling.put(program, place)
    told = telling.run(*start).stdout
    assert told == f"-I|-X|aimx_bundle={place}|-m|aimx.cli.main|demo|--help|"
