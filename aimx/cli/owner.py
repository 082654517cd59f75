"""Whose will a new mailbox be? The caller's own; root names somebody, or is asked (P2)."""

import argparse
import os
import pwd

from aimx.cli import diagnostics, prompt
from aimx.errors import AimxError, AnswerNeeded, Refused

_ATTEMPTS = 5


def choose(options: argparse.Namespace) -> str:
    """The owner of `options.name`. Raises: AnswerNeeded, Refused."""
    given = options.owner
    if given is not None and not given.strip():
        raise Refused("--owner value cannot be empty")
    if os.geteuid() != 0:
        me = _me()
        if given is not None and given != me:
            diagnostics.say(f"Warning: --owner ignored for non-root callers; mailbox will be owned by `{me}`")
        return me
    return given if given is not None else _asked(options)


def _me() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


def _asked(options: argparse.Namespace) -> str:
    name = options.name
    default = name if _exists(name) and name != "root" else None
    if not prompt.interactive():
        if default is not None:
            return default
        why = "AIMX_NONINTERACTIVE is set" if prompt.noninteractive() else "there is no terminal to ask on"
        raise AnswerNeeded(
            f"who owns mailbox '{name}'? There is no Linux user '{name}' and {why}: pass --owner <user>; {_make(name)}"
        )
    return _typed(options, default)


def _typed(options: argparse.Namespace, default: str | None) -> str:
    hint = f"[{default}]" if default is not None else "(no default, explicit input required)"
    question = f"Which Linux user should own `{_address(options)}`? {hint}: "
    for left in reversed(range(_ATTEMPTS)):
        typed = prompt.line(question)
        if typed is None:
            break
        typed = typed or default or ""
        if _exists(typed):
            return typed
        what = f"there is no Linux user '{typed}'; {_make(typed)}" if typed else "a user name is required"
        diagnostics.say(f"{what} ({left} attempts left)")
    raise AnswerNeeded("no owner was chosen: pass --owner <user>")


def _address(options: argparse.Namespace) -> str:
    """With the domain, where the configuration can be read."""
    from aimx.config import load, paths

    try:
        domain = load.load(paths.config_file(), None).domain
    except AimxError:
        return str(options.name)
    return f"{options.name}@{domain}"


def _exists(user: str) -> bool:
    try:
        return bool(pwd.getpwnam(user))
    except (KeyError, ValueError):
        return False


def _make(user: str) -> str:
    return f"create it with `useradd --system --shell /usr/sbin/nologin {user}`"
