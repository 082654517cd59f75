"""The package in fresh Debian trees: installs without a network, runs, goes; starts nothing, keeps mail and keys."""

import re

import pytest

LIBRARY = "/usr/lib/aimx"
INSTALL = "cd /root && DEBIAN_FRONTEND=noninteractive apt-get install -y ./aimx.deb"


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def installed(request, shared_machine, release):
    """A machine that has it, by the one command; the last test removes it."""
    fresh = shared_machine(request.param)
    (deb,) = release.glob("*.deb")
    fresh.put(deb, "/root/aimx.deb", 0o644)
    fresh.run("sh", "-c", INSTALL)
    return fresh


def test_one_command_installs_what_runs(installed, tag):
    told = installed.run("aimx", "--version")
    assert re.match(rf"AIMX \(AI Mail Exchange\) version {re.escape(tag)} ", told.stdout) and told.stderr == ""
    before = installed.run("find", LIBRARY, "-printf", "%p %s %m %u %C@\n").stdout
    assert "Traceback" not in installed.run("aimx", "demo").stderr
    assert installed.run("find", LIBRARY, "-printf", "%p %s %m %u %C@\n").stdout == before  # nothing is written later
    foreign = installed.run("find", LIBRARY, "(", "!", "-uid", "0", "-o", "-perm", "/022", ")", "!", "-type", "l")
    assert foreign.stdout == ""
    assert installed.run("dpkg", "--verify", "aimx").stdout == ""
    assert "aimx_deb=/usr/bin/aimx" in installed.run("cat", "/usr/bin/aimx").stdout
    assert installed.run("aimx-verifier", "--help").stdout.startswith("The companion service")


def test_what_it_needs_is_inside_or_declared(installed):
    declared = installed.run("dpkg-query", "-W", "-f", "${Depends}", "aimx").stdout
    assert re.fullmatch(r"libc6 \(>= 2\.\d+\)", declared)
    # ldd asks the loader: every library comes from the tree, or from the package that is declared.
    script = f"find {LIBRARY} -name '*.so*' -o -name python3 | while read f; do ldd $f 2>/dev/null; done | sort -u"
    found = installed.run("sh", "-c", f"LD_LIBRARY_PATH={LIBRARY}/lib; export LD_LIBRARY_PATH; {script}").stdout
    assert "not found" not in found
    outside = {path for path in re.findall(r"(/\S+) \(0x", found) if not path.startswith(LIBRARY)}
    owners = installed.run("dpkg", "-S", *(f"*/{path.rsplit('/', 1)[1]}" for path in outside)).stdout
    assert {line.split(":")[0] for line in owners.splitlines() if not line.startswith("diversion ")} == {"libc6"}


def test_installing_starts_nothing_and_brings_the_manual(installed):
    assert "aimx" not in installed.run("getent", "passwd").stdout
    assert installed.run("sh", "-c", "ls /etc/systemd/system/aimx* /etc/aimx /var/lib/aimx", check=False).stdout == ""
    listed = installed.run("dpkg-deb", "-c", "/root/aimx.deb").stdout
    for path in ("man/man1/aimx.1.gz", "man/man1/aimx-send.1.gz", "doc/aimx/copyright", "doc/aimx/book/README.md"):
        assert f"usr/share/{path}\n" in listed


UNITS = {
    "systemd": ("/etc/systemd/system/aimx.service", "ExecStart={} serve --data-dir /var/lib/aimx"),
    "openrc": ("/etc/init.d/aimx", "command={}"),
}


@pytest.mark.parametrize(("path", "line"), UNITS.values(), ids=UNITS)
@pytest.mark.parametrize("program", ["/usr/bin/aimx", "/usr/local/bin/aimx"])
def test_removing_it_removes_its_own_service_and_no_other(installed, path, line, program):
    """What takes services away is asked for by its whole path: a program of the same name comes first in the PATH."""
    scripts = "mkdir -p /root/control && dpkg-deb -e /root/aimx.deb /root/control"
    stands_in = (
        "sed -i 's|^    /usr/bin/aimx uninstall|    echo /usr/bin/aimx uninstall >\\&2; true|' /root/control/prerm"
    )
    installed.run("sh", "-c", f"{scripts} && {stands_in}")
    installed.run("sh", "-c", f"mkdir -p $(dirname {path}) && echo '{line.format(program)}' >{path}")
    done = installed.run("/root/control/prerm", "remove")
    installed.run("rm", path)
    assert done.stderr == ("/usr/bin/aimx uninstall\n" if program == "/usr/bin/aimx" else "")


# Programs of the init system that write down what they are told; systemd's tells what its service runs.
_INIT = {
    "systemd": (
        "/run/systemd/system",
        {
            "systemctl": '[ "$1" != show ] || echo "ExecStart={ path=@ ; argv[]=@ serve }"',
            "deb-systemd-invoke": 'echo "$*" >>/root/told',
        },
    ),
    "openrc": ("/etc/init.d", {"rc-service": 'echo "$*" >>/root/told'}),
}


@pytest.mark.parametrize("init", _INIT)
@pytest.mark.parametrize("program", ["/usr/bin/aimx", "/usr/local/bin/aimx"])
def test_upgrading_it_restarts_its_own_service_and_no_other(installed, init, program):
    directory, programs = _INIT[init]
    script = [
        "mkdir -p /root/control && dpkg-deb -e /root/aimx.deb /root/control",
        f"mkdir -p {directory} && rm -f /root/told && echo command={program} >/root/service",
    ]
    if init == "openrc":
        script.append("cp /root/service /etc/init.d/aimx")
    for name, text in programs.items():
        script.append(f"cat >/usr/local/bin/{name} <<'END'\n#!/bin/sh\n{text.replace('@', program)}\nEND")
        script.append(f"chmod +x /usr/local/bin/{name}")
    script.append("/root/control/postinst configure 0.1; cat /root/told 2>/dev/null")
    told = installed.run("sh", "-c", "\n".join(script), check=False)
    gone = " ".join(f"/usr/local/bin/{name}" for name in programs)
    installed.run("sh", "-c", f"rm -rf /run/systemd /etc/init.d/aimx {gone}")
    assert told.stderr == ""
    assert ("restart" in told.stdout) == (program == "/usr/bin/aimx")


def test_removing_it_keeps_mail_and_keys(installed):
    installed.run("sh", "-c", "mkdir -p /etc/aimx /var/lib/aimx/inbox && touch /etc/aimx/config.toml")
    installed.run("sh", "-c", INSTALL.replace("install", "install --reinstall"))
    purged = installed.run("sh", "-c", "apt-get purge -y aimx 2>&1").stdout
    assert "aimx: /etc/aimx is kept" in purged and "aimx: /var/lib/aimx is kept" in purged
    assert installed.run("sh", "-c", f"ls -d {LIBRARY} /usr/bin/aimx", check=False).stdout == ""
    assert installed.run("ls", "/etc/aimx").stdout == "config.toml\n"
