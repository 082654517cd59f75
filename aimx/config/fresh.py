"""The first config.toml of an installation, as text. Decides nothing and writes nothing."""

import json

from aimx.config import load

CATCHALL, CATCHALL_OWNER = "catchall", "aimx-catchall"
_HEAD = """\
# Configuration of aimx. After a change: sudo systemctl reload aimx (OpenRC: sudo rc-service aimx reload).
# The book's page "Configuration" explains every key; comments stay where they are when aimx edits this file.

"""
_SENDERS = """\
# Hooks run only for mail of these authors, and only when a DKIM signature of their own domain proves it.
"""
_CATCHALL = """\

# Takes mail for every address that has no mailbox of its own. It has no hooks and sends nothing.
"""


def document(domain: str, senders: tuple[str, ...], data_dir: str, catchall: bool) -> bytes:
    """The whole file. Without trusted senders nobody is trusted."""
    text = _HEAD + f"domain = {_string(domain)}\n"
    if data_dir != load.DATA_DIR:
        text += f"data_dir = {_string(data_dir)}\n"
    text += 'dkim_selector = "aimx"\n\n' + _SENDERS
    text += f"trust = {_string('verified' if senders else 'none')}\n"
    text += f"trusted_senders = [{', '.join(map(_string, senders))}]\n"
    if catchall:
        text += _CATCHALL + f"[mailboxes.{CATCHALL}]\n"
        text += f"address = {_string(f'*@{domain}')}\nowner = {_string(CATCHALL_OWNER)}\n"
    return text.encode()


def _string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # a TOML basic string has JSON's escapes
