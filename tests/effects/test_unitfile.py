"""What systemd is told about a run."""

import pytest

from aimx.effects import unitfile
from aimx.effects.unitfile import Programs
from aimx.model.job import Execution, JobSpec
from aimx.policy import firing

PROGRAMS = Programs("/usr/bin/systemd-run", "/usr/bin/systemctl", "/usr/bin/journalctl")


def order(*argv: str, uid: int = 1000, env: dict[str, str] | None = None, groups: tuple[int, ...] = ()) -> Execution:
    """A run of alice's."""
    spec = JobSpec(argv or ("/bin/true",), env or {"HOME": "/home/alice"}, uid, uid, groups, "/var/lib/aimx/inbox/a")
    return Execution(spec, 60, "256M", "aimx-hook-e-1.service", "aimx hook h of mailbox a")


def words(run: Execution, foreign: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The options and the command of a run."""
    return unitfile.start_words(PROGRAMS, run, "/run/aimx/hooks/u", foreign)


def properties(run: Execution, foreign: tuple[str, ...] = ()) -> dict[str, str]:
    """What is set of the unit."""
    given = [word.removeprefix("--property=") for word in words(run, foreign) if word.startswith("--property=")]
    return {key: text for key, _, text in (word.partition("=") for word in given)}


COMMANDS = [
    pytest.param(("/bin/echo", "$HOME"), ("/bin/echo", "$$HOME"), id="variable"),
    pytest.param(("/bin/echo", "${A}b"), ("/bin/echo", "$${A}b"), id="in-braces"),
    pytest.param(("/bin/echo", "a $X"), ("/bin/echo", "a $$X"), id="after-text"),
    pytest.param(("/bin/echo", "$$"), ("/bin/echo", "$$$$"), id="two-dollars"),
    pytest.param(("/bin/echo", "%h", "%%"), ("/bin/echo", "%h", "%%"), id="specifiers"),
    pytest.param(("/bin/echo", "", "a\nb", "{}", ";"), ("/bin/echo", "", "a\nb", "{}", ";"), id="odd-words"),
    pytest.param(("/bin/a b", "-p"), ("/bin/a b", "-p"), id="blank-in-program"),
    pytest.param(("/a$b", "$c"), ("/bin/sh", "-c", 'exec "$$@"', "sh", "/a$$b", "$$c"), id="dollar-in-program"),
]


@pytest.mark.parametrize(("argv", "expected"), COMMANDS)
def test_words_of_a_hook_reach_it_unexpanded(argv: tuple[str, ...], expected: tuple[str, ...]) -> None:
    told = words(order(*argv))
    assert told[told.index("--") + 1 :] == expected


VALUES = [
    pytest.param("plain", 'K="plain"', id="plain"),
    pytest.param("", 'K=""', id="empty"),
    pytest.param(' a"b ', 'K=" a\\"b "', id="quote-and-blanks"),
    pytest.param("a\\b\\", 'K="a\\\\b\\\\"', id="backslashes"),
    pytest.param("$(id) `id` ${X}", 'K="\\$(id) \\`id\\` \\${X}"', id="shell"),
    pytest.param("# no; comment", 'K="# no; comment"', id="comment"),
    pytest.param("tab\there", 'K="tab\there"', id="tab"),
    pytest.param("a\nB=1", 'K="a\nB=1"', id="line-break-within-quotes"),
    pytest.param("ü €", 'K="ü €"', id="unicode"),
]


@pytest.mark.parametrize(("value", "line"), VALUES)
def test_value_in_an_environment_file(value: str, line: str) -> None:
    assert unitfile.environment_file({"K": value}).decode() == line + "\n"


CLEANED = [
    pytest.param("a\0b", "ab", id="nul"),
    pytest.param("a\r\nb", "a  b", id="line-break"),
    pytest.param("a\tb", "a\tb", id="tab"),
    pytest.param("\x01\x1b[1m\x7f", "[1m", id="control"),
    pytest.param("a\ufffe\uffff\ufdd0\U0010ffffb", "ab", id="noncharacters"),
    pytest.param("\ud800", "?", id="surrogate"),
    pytest.param("\u0085\ufffd\U0001f600", "\u0085\ufffd\U0001f600", id="kept"),
]


@pytest.mark.parametrize(("value", "expected"), CLEANED)
def test_value_that_some_executor_would_refuse_is_cleaned_for_all(value: str, expected: str) -> None:
    assert firing.bounded(value) == expected


def test_nothing_of_the_environment_is_in_the_command_line() -> None:
    run = order("/bin/true", env={"HOME": "/home/alice", "AIMX_SUBJECT": "quarterly", "AIMX_JOB": "5ec7e7"})
    told = " ".join(words(run))
    assert "quarterly" not in told
    assert "5ec7e7" not in told
    assert "EnvironmentFile=/run/aimx/hooks/u/environment" in told


IDENTITIES = [
    pytest.param(1000, (29, 30), {"User": "1000", "Group": "1000", "SupplementaryGroups": "29 30"}, id="user"),
    pytest.param(1000, (), {"User": "1000", "Group": "1000", "SupplementaryGroups": ""}, id="no-groups"),
    pytest.param(0, (), {"User": None, "Group": None, "SupplementaryGroups": ""}, id="root"),
]


@pytest.mark.parametrize(("uid", "groups", "expected"), IDENTITIES)
def test_identity_is_told_in_numbers(uid: int, groups: tuple[int, ...], expected: dict[str, str | None]) -> None:
    told = properties(order(uid=uid, groups=groups))
    assert {key: told.get(key) for key in expected} == expected


WRITABLE = [
    pytest.param("/home/alice", '"-/home/alice" "-/tmp" "-/var/tmp" "-/var/log/aimx"', id="home"),
    pytest.param("/home/a b", '"-/home/a b" "-/tmp" "-/var/tmp" "-/var/log/aimx"', id="blank"),
    pytest.param('/home/a"\\b', '"-/home/a\\"\\\\b" "-/tmp" "-/var/tmp" "-/var/log/aimx"', id="quote"),
    pytest.param("/", '"-/tmp" "-/var/tmp" "-/var/log/aimx"', id="whole-tree"),
    pytest.param("//", '"-/tmp" "-/var/tmp" "-/var/log/aimx"', id="whole-tree-twice"),
    pytest.param("", '"-/tmp" "-/var/tmp" "-/var/log/aimx"', id="none"),
]


@pytest.mark.parametrize(("home", "expected"), WRITABLE)
def test_what_a_hook_may_write(home: str, expected: str) -> None:
    assert properties(order(env={"HOME": home}))["ReadWritePaths"] == expected


def test_properties_of_the_guide() -> None:
    told = properties(order())
    expected = {
        "ProtectSystem": "strict", "PrivateDevices": "yes", "NoNewPrivileges": "yes", "MemoryMax": "256M",
        "RuntimeMaxSec": "60s", "TimeoutStopSec": "5s", "KillMode": "control-group", "LimitCORE": "0",
    }  # fmt: skip
    assert {key: told[key] for key in expected} == expected


def test_variables_of_the_manager_are_taken_away_but_not_ours() -> None:
    told = properties(order(env={"HOME": "/", "LANG": "ours"}), ("LD_PRELOAD", "HOME"))["UnsetEnvironment"].split()
    assert {"LD_PRELOAD", "INVOCATION_ID"} <= set(told)
    assert not {"HOME", "LANG"} & set(told)
