"""What tells of a release: the installers with key and URLs, the manifests, the notes."""

import json
import re
from pathlib import Path

from aimx import built
from install.release import Refused
from install.release.version import ROOT, Version

DOWNLOADS = "https://github.com/uzyn/aimx/releases/download"
_ASSIGNED = re.compile(r"^([A-Z_]+)='[^']*'$", re.MULTILINE)
_BEGIN, _END = "# ---- constants", "# ---- end of constants"
_NOTES = """\
# AIMX {tag}

| target | artefact |
|---|---|
{rows}

Install or upgrade with one line, `curl -fsSL https://aimx.email/install.sh | sh`, or `sudo aimx upgrade` where aimx is.
Debian 12 and 13 also take the package: `apt install ./{deb}`.

## Verify by hand

```sh
{verify}
```

All artefacts are in `SHA256SUMS`; `SHA256SUMS.sig` is its signature by this key:

```
{key}```

```sh
openssl dgst -sha256 -verify aimx.pem -signature SHA256SUMS.sig SHA256SUMS && sha256sum -c --ignore-missing SHA256SUMS
```
"""
_VERIFY = """\
TAG={tag}
TARBALL_TARGET={short}
TARBALL=aimx-${{TAG}}-${{TARBALL_TARGET}}.tar.gz

curl -fL -O "{base}/${{TARBALL}}"
curl -fL -O "{base}/${{TARBALL}}.sha256"
sha256sum -c "${{TARBALL}}.sha256"

tar -xzf "${{TARBALL}}"
sudo install -m 0755 "aimx-${{TAG}}-${{TARBALL_TARGET}}/aimx" /usr/local/bin/aimx
aimx --version"""


def installers(goal: Path, keys: tuple[str, ...], glibc: str) -> None:
    """Copies of the scripts that know who signs. Raises: Refused."""
    told = {"MANIFEST_URL": built.MANIFEST, "RELEASE_KEYS": "".join(keys).rstrip("\n"), "MINIMUM_GLIBC": glibc}
    for name, wanted in (("install.sh", set(told)), ("portcheck.sh", set())):
        text = (ROOT / "install" / name).read_text()
        before, begin, rest = text.partition(_BEGIN)
        constants, end, after = rest.partition(_END)
        names = set(_ASSIGNED.findall(constants))
        if not end or not wanted <= names:
            raise Refused(f"install/{name} has no constants {', '.join(sorted(wanted - names))}")
        constants = _ASSIGNED.sub(
            lambda match: f"{match[1]}='{told[match[1]]}'" if match[1] in told else match[0], constants
        )
        (goal / name).write_text(before + begin + constants + end + after)
        (goal / name).chmod(0o755)


def manifests(goal: Path, version: Version, base: str) -> None:
    """latest.json and tag-<tag>.json, of the shape that GitHub answers with."""
    names = sorted(path.name for path in goal.iterdir() if path.suffix != ".json")
    value = {
        "tag_name": version.tag,
        "prerelease": "-" in version.tag,
        "assets": [{"name": name, "browser_download_url": f"{base}/{version.tag}/{name}"} for name in names],
    }
    for name in ("latest.json", f"tag-{version.tag}.json"):
        (goal / name).write_text(json.dumps(value, indent=1) + "\n")


def notes(goal: Path, version: Version, base: str, key: str) -> None:
    """NOTES.md: what is there and how to verify it by hand."""
    tarballs = sorted(path.name for path in goal.glob(f"aimx-{version.tag}-*.tar.gz"))
    shorts = [name.removeprefix(f"aimx-{version.tag}-").removesuffix(".tar.gz") for name in tarballs]
    text = _NOTES.format(
        tag=version.tag,
        rows="\n".join(f"| `{short}` | `{name}` |" for short, name in zip(shorts, tarballs, strict=True)),
        deb=next((path.name for path in sorted(goal.glob("*.deb"))), "aimx.deb"),
        verify=_VERIFY.format(tag=version.tag, short=shorts[-1], base=f"{base}/{version.tag}"),
        key=key,
    )
    (goal / "NOTES.md").write_text(text)
