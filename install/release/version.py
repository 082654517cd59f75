"""Which release this is: tag, commit and date by git, and the tag as other tools write versions."""

import re
import subprocess
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

from install.release import Refused

ROOT = Path(__file__).parents[2]
_SEMVER = re.compile(
    r"(?P<core>(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*))(?:-(?P<rest>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_AHEAD = re.compile(r"(?:(?P<before>.+)-)?(?P<count>\d+)-g(?P<commit>[0-9a-f]+)(?:-(?P<dirty>dirty))?")
_PRE = re.compile(r"(?P<kind>alpha|beta|rc|a|b)\.?(?P<number>\d+)")


class Version(NamedTuple):
    """`epoch`: the commit's time, the only time that gets into an artefact. `dirty`: files differ from the commit."""

    tag: str
    commit: str
    epoch: int
    dirty: bool

    @property
    def date(self) -> str:
        """Of the commit, UTC."""
        return time.strftime("%Y-%m-%d", time.gmtime(self.epoch))

    @property
    def debian(self) -> str:
        """As dpkg sorts it: a pre-release before, commits after their tag."""
        match = _SEMVER.fullmatch(self.tag)
        assert match is not None
        core, rest = match["core"], match["rest"] or ""
        ahead = _AHEAD.fullmatch(rest)
        before, after = (ahead["before"] or "", rest[len(ahead["before"] or "") :]) if ahead else (rest, "")
        text = core + (f"~{before}" if before else "") + (f"+{after.lstrip('-')}" if after else "")
        return text.replace("-", ".")

    @property
    def python(self) -> str:
        """As PEP 440 writes it."""
        match = _SEMVER.fullmatch(self.tag)
        assert match is not None
        core, rest = match["core"], match["rest"] or ""
        ahead = _AHEAD.fullmatch(rest)
        before = (ahead["before"] or "") if ahead else rest
        local = f"+{rest[len(before) :].strip('-').replace('-', '.')}" if ahead else ""
        pre = _PRE.fullmatch(before)
        if pre:
            before = {"alpha": "a", "beta": "b"}.get(pre["kind"], pre["kind"]) + pre["number"]
        elif before:
            local = f"+{'.'.join(filter(None, (before, local.strip('+')))).replace('-', '.').lower()}"
            before = ".dev0"
        return core + before + (".post" + ahead["count"] if ahead and before != ".dev0" else "") + local


def version(tag: str | None) -> Version:
    """That of the checkout; `tag` overrides what git says. Raises: Refused."""
    commit = _git("rev-parse", "--short=8", "HEAD")
    epoch = int(_git("log", "-1", "--format=%ct"))
    dirty = bool(_git("status", "--porcelain", "--untracked-files=no"))
    found = tag or _described(commit, dirty)
    found = re.sub(r"^v(?=\d)", "", found)
    if not _SEMVER.fullmatch(found):
        raise Refused(f"{found!r} is no version: a tag is bare SemVer, such as 0.3.0 or 0.3.0-rc.1")
    return Version(found, commit, epoch, dirty)


def _described(commit: str, dirty: bool) -> str:
    """`git describe --tags`; without any tag what pyproject.toml says, as a version before it."""
    try:
        return _git("describe", "--tags", "--dirty")
    except Refused:
        stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
        count = _git("rev-list", "--count", "HEAD")
        core = re.sub(r"\.?dev.*$", "", stated)
        return f"{core}-dev-{count}-g{commit}{'-dirty' if dirty else ''}"


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()
