"""The demo's temporary tree: where it lies, what is in it at the start, how it looks at the end."""

import json
import os
import pwd
import stat
import tempfile
from pathlib import Path

from aimx import limits
from aimx.demo import program
from aimx.demo.letters import AUTHOR, DOMAIN, RECIPIENT
from aimx.errors import Failed

MAILBOX = "agent"
HOOK = "report"
_PREFIX = "aimx-demo-"
# $1: for reports. $2: the runtime directory of this daemon. Then: how to start aimx.
_SCRIPT = """reports=$1; export AIMX_RUNTIME_DIR="$2"; shift 2
{
  echo "hook $AIMX_HOOK_NAME on $AIMX_EVENT, as uid $(id -u)"
  echo "from     $AIMX_FROM"
  echo "subject  $AIMX_SUBJECT"
  echo "stdin    $(wc -l) lines of Markdown"
  echo "answer   $("$@" send --from "$AIMX_TO" --to "$AIMX_FROM" --subject "Re: $AIMX_SUBJECT" \\
    --reply-to "$AIMX_MESSAGE_ID" --body "# Got it\\n\\nThe report **is on its way**." 2>&1 | tail -n 1)"
} > "$reports/$AIMX_ID.txt"
"""


def create() -> Path:
    """A new directory of mode 0700. Raises: Failed when there is no place for one."""
    for base in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):
        if _usable(base):
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    raise Failed("no directory for temporary files; set TMPDIR to one with a short path")


def fill(tree: Path, mail: dict[str, bytes], key: bytes, uid: int | None) -> None:
    """etc/ with config.toml and the DKIM key, run/, reports/, mail/ and answers/, all of it for `uid` unless None."""
    for name in ("etc", "etc/dkim", "run", "reports", "mail", "answers"):
        (tree / name).mkdir(0o700)
    owner = MAILBOX if uid is not None else _owner()
    aimx = program.argv(tree / "program", others=uid is not None)
    (tree / "etc" / "config.toml").write_text(config_text(tree, owner, aimx))
    (tree / "etc" / "dkim" / "private.key").write_bytes(key)
    (tree / "etc" / "dkim" / "private.key").chmod(0o600)
    for name, octets in mail.items():
        (tree / "mail" / name).write_bytes(octets)
    if uid is not None:
        _give(tree, uid)


def _usable(base: str) -> bool:
    """Short enough for a socket below it; for root also one where a stranger may keep and remove a directory."""
    if len(os.fsencode(base)) > limits.DEMO_PATH_OCTETS or not os.access(base, os.W_OK | os.X_OK):
        return False
    if os.geteuid() != 0:
        return True
    shared = stat.S_ISVTX | stat.S_IWOTH | stat.S_IXOTH
    parents = Path(base).resolve().parents
    return os.stat(base).st_mode & shared == shared and all(p.stat().st_mode & stat.S_IXOTH for p in parents)


def _give(tree: Path, uid: int) -> None:
    """Make the new tree belong to `uid`; nobody else could enter it so far."""
    for directory, _, names in os.walk(tree, topdown=False):
        for name in names:
            os.chown(os.path.join(directory, name), uid, uid)
        os.chown(directory, uid, uid)


def config_text(tree: Path, owner: str, aimx: list[str]) -> str:
    """One mailbox that trusts one author, with one hook that answers; mail may go to loopback."""
    cmd = json.dumps(["/bin/sh", "-c", _SCRIPT, HOOK, str(tree / "reports"), str(tree / "run"), *aimx])
    return f"""domain = "{DOMAIN}"
allow_private_mx = true
data_dir = {json.dumps(str(tree / "data"))}

[mailboxes.{MAILBOX}]
address = "{RECIPIENT}"
owner = "{owner}"
trust = "verified"
trusted_senders = ["{AUTHOR}"]

[[mailboxes.{MAILBOX}.hooks]]
name = "{HOOK}"
event = "on_receive"
cmd = {cmd}
"""


def _owner() -> str:
    """This account's name; a daemon that is not root acts as itself for every owner."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return MAILBOX


def listing(tree: Path) -> list[str]:
    """Every entry below the tree, indented, directories with a slash, in name order; but for a copied program's."""
    lines: list[str] = []
    for directory, names, files in os.walk(tree):
        names.sort()
        if os.path.basename(directory) == "program":
            names.clear()
        depth = len(Path(directory).relative_to(tree).parts)
        if depth:
            lines.append("  " * (depth - 1) + os.path.basename(directory) + "/")
        lines += ["  " * depth + name for name in sorted(files)]
    return lines
