"""What a release consists of, as whoever announces it says: URLs and their rules, and the JSON. Fetches nothing."""

import ipaddress
import json
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from aimx.errors import Failed, Refused
from aimx.provision import verifyhost
from aimx.provision.upgrade import semver
from aimx.provision.verifyhost import VerifyHost

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
_SHOWN = 200  # characters of a URL or name of others in a text


class FileUrl(NamedTuple):
    """A file of this machine."""

    path: str

    def __str__(self) -> str:
        return f"file://{self.path}"


Where = VerifyHost | FileUrl


class Asset(NamedTuple):
    """One file of a release."""

    name: str
    url: str


class Manifest(NamedTuple):
    """One release."""

    tag: str
    assets: tuple[Asset, ...]

    def url(self, name: str) -> str:
        """Where the file of that name is. Raises: Failed, naming it."""
        found = [asset.url for asset in self.assets if asset.name == name]
        if len(found) != 1:
            raise Failed(f"release {self.tag} has {'no' if not found else 'more than one'} {name}")
        return found[0]


def short(target: str) -> str:
    """A canonical triple as names of files have it."""
    return target.replace("-unknown-", "-")


def stem(tag: str, target: str) -> str:
    """Of the tarball's name, and of everything in it."""
    return f"aimx-{tag}-{short(target)}"


def tarball(tag: str, target: str) -> str:
    """The name of the tarball."""
    return f"{stem(tag, target)}.tar.gz"


def of_tag(url: str, tag: str | None) -> str:
    """Where a release is told of: the latest, or the one of that tag. Raises: Refused."""
    if tag is None:
        return url
    if url.endswith("/latest"):
        return f"{url.removesuffix('latest')}tags/{tag}"
    if url.endswith("latest.json"):
        return f"{url.removesuffix('latest.json')}tag-{tag}.json"
    raise Refused(f"{url[:_SHOWN]} ends neither in /latest nor in latest.json: where release {tag} is cannot be told")


def where(url: str, within: Where | None = None) -> Where:
    """A URL that may be fetched: https, a file, or http of a loopback address.

    `within`: what told of it, by a manifest or a redirect. What comes over the network names no file of this machine,
    and what comes by https nothing that does not.

    Raises: Refused.
    """
    found = _parsed(url)
    if found is None:
        raise Refused(f"refusing non-HTTPS release URL: {url[:_SHOWN]}")
    if isinstance(within, VerifyHost) and (isinstance(found, FileUrl) or (within.scheme, found.scheme) == _DOWN):
        raise Refused(f"refusing non-HTTPS release URL: {url[:_SHOWN]}, told of by {str(within)[:_SHOWN]}")
    return found


_DOWN: tuple[Literal["https"], Literal["http"]] = ("https", "http")


def _parsed(url: str) -> Where | None:
    if url.startswith("file://"):
        try:
            parts = urlsplit(url)
        except ValueError:  # a bracket that nothing closes
            return None
        path = unquote(parts.path)
        plain = not parts.netloc and not parts.query and not parts.fragment and "\0" not in path
        return FileUrl(path) if plain and path.startswith("/") else None
    found = verifyhost.url(url)
    if found is None or "#" in url or (found.scheme == "http" and not _loopback(found.host)):
        return None
    return found


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse(octets: bytes, source: str) -> Manifest:
    """Of the JSON that GitHub answers, as far as it is needed. Raises: Failed, naming `source` and what is wrong."""
    try:
        told: Any = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise Failed(f"{source}: no JSON") from error
    tag = told.get("tag_name") if isinstance(told, dict) else None
    rows = told.get("assets") if isinstance(told, dict) else None
    if not isinstance(tag, str) or not isinstance(rows, list):
        raise Failed(f"{source}: no release; it has no `tag_name` and `assets`")
    tag = semver.bare(tag)
    if semver.version(tag) is None:
        raise Failed(f"{source}: {tag[:_SHOWN]!r} is no version; tags look like 1.2.3 or 1.2.3-rc.1")
    return Manifest(tag, tuple(_asset(row, source) for row in rows))


def _asset(row: Any, source: str) -> Asset:
    name, url = (row.get(key) if isinstance(row, dict) else None for key in ("name", "browser_download_url"))
    if not isinstance(name, str) or not isinstance(url, str):
        raise Failed(f"{source}: an asset without `name` and `browser_download_url`")
    return Asset(name, url)
