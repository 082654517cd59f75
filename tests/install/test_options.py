"""What may be asked for, what is refused, which build fits this machine, and a dry run."""

import itertools
import os

import pytest

from tests import releases

TARGETS = (
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
)
WRONG = {
    "unknown": (["--nothing"], "unknown argument: --nothing (try --help)"),
    "a word": (["now"], "unknown argument: now (try --help)"),
    "hostile": (["--\x1b[2J"], "unknown argument: --[2J (try --help)"),
    **{f"{flag} alone": ([flag], f"{flag} requires a value")
       for flag in ("--tag", "--target", "--to", "--domain", "--verify-host")},
    **{f"{flag} empty": ([f"{flag}="], f"{flag} requires a value")
       for flag in ("--tag", "--target", "--to", "--domain", "--verify-host")},
    "force with a value": (["--force=yes"], "--force takes no value"),
    "tag": (["--tag", "latest"], "--tag: latest is no version; write for example 0.1.0"),
    "tag with a path": (["--tag", "1.2.3/../x"], "is no version"),
    "tag of two lines": (["--tag", "1.2.3\n1.2.3"], "is no version"),
    "target": (["--target", "armv7-unknown-linux-gnueabihf"],
               f"unsupported target triple: armv7-unknown-linux-gnueabihf; it is one of: {' '.join(TARGETS)}"),
    "domain": (["--domain", "--yes"], "--domain: --yes is no domain"),
    "domain with a blank": (["--domain", "a b"], "--domain: a b is no domain"),
    "home": (["--to", "~/bin"], "no shell has expanded the ~"),
    "control characters": (["--to", "/a\tb"], "no path of a service can have"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_meant_is_one_line(box, words, said):
    run = box.run(*words)
    assert run.status == 1
    assert said in run.text
    assert "\x1b" not in run.text
    assert run.text.count("[error]") == 1
    assert (box.server.asked, box.left()) == ([], [])


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_on_standard_output_and_needs_nothing(box, flag):
    box.take(*(tool for tool in ("curl", "tar", "openssl")))
    run = box.run("--tag", "0.1.0", flag)
    assert run.status == 0
    assert run.text.startswith("Usage: install.sh [OPTIONS]\n")


def test_a_place_that_is_no_directory_is_refused(box):
    (box.path / "file").write_text("")
    assert f"--to: {box.path}/file is no directory" in box.run("--to", str(box.path / "file")).text
    box.program.mkdir()
    assert f"{box.program} is a directory: the program cannot be put there" in box.run().text
    assert box.server.asked == []


MACHINES = {
    "x86_64": ("x86_64", "getconf", "x86_64-unknown-linux-gnu"),
    "amd64": ("amd64", "getconf", "x86_64-unknown-linux-gnu"),
    "aarch64": ("aarch64", "getconf", "aarch64-unknown-linux-gnu"),
    "arm64": ("arm64", "getconf", "aarch64-unknown-linux-gnu"),
    "x86_64 musl": ("x86_64", "musl", "x86_64-unknown-linux-musl"),
    "aarch64 musl": ("aarch64", "musl", "aarch64-unknown-linux-musl"),
    "ldd of glibc": ("x86_64", "glibc", "x86_64-unknown-linux-gnu"),
    "Debian with its package of musl": ("x86_64", "both", "x86_64-unknown-linux-gnu"),
    "nobody knows": ("x86_64", "unknown", "x86_64-unknown-linux-gnu"),
}
_LDD = {
    "musl": "echo 'musl libc (x86_64)' >&2; echo 'Version 1.2.4' >&2; exit 1",
    "glibc": "echo 'ldd (Debian GLIBC 2.36-9+deb12u10) 2.36'",
    "unknown": "exit 127",
}


def _machine(box, machine, libc, version="2.36"):
    system = f'case "${{1-}}" in -m) echo {machine};; *) echo Linux;; esac'
    box.fake("uname", system)
    known = f'case "$1" in GNU*) echo "glibc {version}";; LONG_BIT) echo 64;; esac'
    box.fake("getconf", known if libc in ("getconf", "both") else 'case "$1" in LONG_BIT) echo 64;; *) exit 1;; esac')
    box.fake("ldd", _LDD.get(libc, _LDD["musl"]))


@pytest.mark.parametrize(("machine", "libc", "target"), MACHINES.values(), ids=MACHINES)
def test_the_build_is_the_one_for_this_machine(box, machine, libc, target):
    _machine(box, machine, libc)
    box.env["AIMX_DRY_RUN"] = "1"
    run = box.run()
    assert run.status == 0, run.text
    assert f"target: {target}\n" in run.text
    assert f"aimx-<version>-{releases.short(target)}.tar.gz" in run.text


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_can_be_named(box, target):
    box.env["AIMX_DRY_RUN"] = "1"
    assert f"target: {target}\n" in box.run("--target", target).text


@pytest.mark.parametrize("system", ["Darwin", "FreeBSD", "MINGW64_NT-10.0"])
def test_other_systems_are_refused(box, system):
    box.fake("uname", f"echo {system}")
    run = box.run()
    assert run.status == 1
    assert f"[error] AIMX is Linux-only; detected {system}. See https://" in run.text


@pytest.mark.parametrize("machine", ["armv7l", "riscv64", "i686"])
def test_other_machines_are_refused(box, machine):
    _machine(box, machine, "getconf")
    run = box.run()
    assert run.status == 1
    assert f"[error] unsupported CPU architecture: {machine}. See https://" in run.text


def test_a_small_system_on_a_large_kernel_is_refused(box):
    _machine(box, "aarch64", "getconf")
    box.fake("getconf", 'case "$1" in GNU*) echo glibc 2.36;; LONG_BIT) echo 32;; esac')
    assert "this is a 32-bit system, though its CPU is aarch64" in box.run().text


@pytest.mark.parametrize(
    ("version", "fine"), [("2.17", False), ("2.35", False), ("2.36", True), ("2.40", True), ("3.0", True)]
)
def test_an_old_glibc_is_told_before_anything_is_fetched(box, version, fine):
    box.publish("9.9.1")
    _machine(box, os.uname().machine, "getconf", version)
    run = box.run()
    assert (run.status == 0) == fine, run.text
    assert (f"the C library here is glibc {version}, and AIMX needs 2.36 or newer" in run.text) == (not fine)
    assert (box.server.asked == []) == (not fine)


@pytest.mark.parametrize("tool", ["awk", "tar", "gzip", "od"])
def test_what_is_missing_is_named(box, tool):
    box.take(tool, "sed")
    run = box.run()
    assert run.status == 1
    missing = " sed awk" if tool == "awk" else f" sed {tool}"
    assert set(run.text.rpartition("not there:")[2].split()) == set(missing.split())


INSTALLED = ("nothing", "program", "both")


@pytest.mark.parametrize(("installed", "tag", "user"), list(itertools.product(INSTALLED, ("", "1.2.3"), (0, 4711))))
def test_a_dry_run_tells_everything_and_does_nothing(box, installed, tag, user):
    if installed != "nothing":
        box.installed("9.9.0")
    if installed == "program":
        (box.units / "aimx.service").unlink()
    (box.etc / "config.toml").write_text(f"[upgrade]\nrelease_manifest_url = '{box.server.manifest}'\n")
    box.take("curl", "mkdir", "cp", "mv")
    for tool in ("curl", "sudo", "mkdir", "cp", "mv", "mktemp", "rm"):
        box.fake(tool, f'echo "{tool} $*" >>"{box.path}/touched"')
    box.env |= {"AIMX_DRY_RUN": "1", "AIMX_DOMAIN": "agent.example.test"}
    del box.env["AIMX_RELEASE_MANIFEST_URL"]
    before = {path: path.stat().st_mtime_ns for path in box.path.rglob("*")}
    run = box.type("", *(["--tag", tag] if tag else []), user=user, piped=True)
    assert run.status == 0, run.text
    assert {path: path.stat().st_mtime_ns for path in box.path.rglob("*")} == before
    assert (box.server.asked, box.log) == ([], "")
    where = (
        f"{box.server.base}/tag-{tag}.json\n"
        if tag
        else f"{box.server.manifest}, to learn which version is the latest\n"
    )
    assert f"would fetch {where}" in run.text
    assert f"aimx-{tag or '<version>'}-{releases.short()}.tar.gz" in run.text
    assert ("would ask sudo for root" in run.text) == (user != 0)
    if installed == "both":
        assert (
            f"would run: {box.bin}/.aimx.install upgrade --staged {box.bin}/.aimx.install --program {box.program}"
            in run.text
        )
    else:
        assert f"would run: {box.program} setup agent.example.test" in run.text
    assert all(line.startswith("install: ") for line in run.text.splitlines())


def test_the_template_itself_can_be_tried(box):
    """As it lies in the repository: help and dry run work, an installation does not."""
    from tests.install.box import INSTALLER

    box.script.write_text(INSTALLER.read_text())
    del box.env["AIMX_RELEASE_MANIFEST_URL"], box.env["AIMX_PREFIX"]
    assert box.run("--help").status == 0
    assert "has no release key and can install nothing" in box.run().text
    box.env["AIMX_DRY_RUN"] = "1"
    run = box.run()
    assert run.status == 0, run.text
    assert "would fetch https://api.github.com/repos/uzyn/aimx/releases/latest" in run.text
    assert "would rename /usr/local/bin/.aimx.install to /usr/local/bin/aimx" in run.text


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({}, False)],
    ids=["terminal", "NO_COLOR", "dumb", "unknown"],
)
def test_colour_is_for_terminals(box, variables, coloured):
    box.publish("9.9.1")
    box.env |= variables
    run = box.type("")
    assert run.status == 0, run.text
    assert ("\x1b[32m[ok]\x1b[0m" in run.text) == coloured
    assert coloured or "\x1b" not in run.text
    assert "\x1b" not in box.run().text


def test_an_old_glibc_is_told_for_a_target_that_was_named_too(box):
    _machine(box, os.uname().machine, "getconf", "2.31")
    assert "the C library here is glibc 2.31" in box.run("--target", releases.TARGET).text
