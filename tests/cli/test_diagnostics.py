"""Every error becomes one plain line and an exit code of the table."""

import pytest

from aimx.cli import diagnostics
from aimx.errors import (
    ConfigInvalid,
    DaemonRefused,
    DaemonUnavailable,
    Exit,
    NotAuthorized,
    StorageFailed,
)

ERRORS = {
    "interrupt": (KeyboardInterrupt(), "interrupted", Exit.INTERRUPTED),
    "interrupt-in-group": (
        BaseExceptionGroup("", [ValueError("x"), BaseExceptionGroup("", [KeyboardInterrupt()])]),
        "interrupted",
        Exit.INTERRUPTED,
    ),
    "ours": (ConfigInvalid("config.toml: trust: wrong"), "Error: config.toml: trust: wrong", Exit.FAILED),
    "ours-in-group": (ExceptionGroup("", [StorageFailed("disk full")]), "Error: disk full", Exit.FAILED),
    "detail-is-not-told": (StorageFailed("cannot write", detail="/secret"), "Error: cannot write", Exit.FAILED),
    "not-authorized": (NotAuthorized("x", detail="uid=7"), "Error: not authorized", Exit.FAILED),
    "daemon": (DaemonRefused("disk full", code="IO"), "Error: [IO] disk full", Exit.FAILED),
    "no-daemon": (DaemonUnavailable("no daemon"), "Error: no daemon", Exit.USAGE),
    "os": (PermissionError(13, "Permission denied", "/etc/x"), "Error: /etc/x: Permission denied", Exit.FAILED),
    "bug": (
        KeyError("a\nb"),
        r"Error: internal error, please report it: KeyError: 'a\nb'",
        Exit.FAILED,
    ),
    "terminal-attack": (
        DaemonRefused("a\x1b]0;x\x07\u202eb", code="IO"),
        r"Error: [IO] a\x1b]0;x\x07\x202eb",
        Exit.FAILED,
    ),
}


@pytest.mark.parametrize(("error", "line", "code"), ERRORS.values(), ids=ERRORS)
def test_one_line_and_the_code_of_the_table(capsys, error, line, code):
    assert diagnostics.failed(error) == code
    assert capsys.readouterr() == ("", line + "\n")


@pytest.mark.parametrize("no_colour", [True, False])
def test_colour_only_on_a_terminal_and_without_no_color(monkeypatch, capsys, no_colour):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    if no_colour:
        monkeypatch.setenv("NO_COLOR", "")
    else:
        monkeypatch.delenv("NO_COLOR", raising=False)
    diagnostics.error("x")
    assert ("\x1b" in capsys.readouterr().err) is not no_colour
