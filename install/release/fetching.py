"""Files of others, by name and digest, kept in the user's cache so that a second build downloads nothing.

What does not have the digest that the lock names is never kept and never used.
"""

import hashlib
import os
import urllib.error
import urllib.request
from pathlib import Path

from install.release import Refused

_WAIT_S = 60.0


class Gone(Refused):
    """The archive does not have what the lock names."""


def cache() -> Path:
    """Where downloads are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aimx-release"


def kept(name: str, sha256: str) -> Path | None:
    """The file, if an earlier build has left it and it is still what it was."""
    path = cache() / sha256 / name
    return path if path.is_file() and digest(path) == sha256 else None


def keep(source: Path, name: str, sha256: str) -> Path:
    """Move a file into the cache. Raises: Refused when it is not what was wanted."""
    found = digest(source)
    if found != sha256:
        raise Refused(f"{name} has the SHA-256 {found}, the lock says {sha256}")
    goal = cache() / sha256 / name
    goal.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, goal)
    return goal


def download(url: str, name: str, sha256: str) -> Path:
    """The file at a URL. Raises: Gone, Refused."""
    path = kept(name, sha256)
    if path is not None:
        return path
    cache().mkdir(parents=True, exist_ok=True)
    unfinished = cache() / f"unfinished-{os.getpid()}-{name}"
    try:
        with urllib.request.urlopen(url, timeout=_WAIT_S) as answer:
            unfinished.write_bytes(answer.read())
        return keep(unfinished, name, sha256)
    except urllib.error.HTTPError as error:
        if error.code in (404, 410):
            raise Gone(f"{url} is gone") from error
        raise Refused(f"{url}: {error}") from error
    except OSError as error:
        raise Refused(f"{url}: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
