"""What a release consists of, brought here: into memory what is small, into a file what is not. Believes nothing.

Every redirect is judged like the URL that led to it. Nothing is kept of what does not come whole.
"""

import os
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

import trio

from aimx import limits
from aimx.errors import Failed
from aimx.provision import httpget
from aimx.provision.reaching import Unreached
from aimx.provision.upgrade import manifest
from aimx.provision.upgrade.manifest import FileUrl, Where
from aimx.provision.verifyhost import VerifyHost

Progress = Callable[[int, int | None], None]  # octets so far, of how many

_OK = 200
_WHY = {
    403: "refused; GitHub answers so when too many asked from this address within the hour",
    404: "there is no such thing",
    429: "too many asked from this address; try again later",
}


class Bounds(NamedTuple):
    """Of one file: its size, and the time for all of it."""

    octets: int
    seconds: float


MANIFEST = Bounds(limits.RELEASE_MANIFEST_OCTETS, limits.RELEASE_ANSWER_S)
SUMS = Bounds(limits.RELEASE_SUMS_OCTETS, limits.RELEASE_ANSWER_S)
TARBALL = Bounds(limits.RELEASE_TARBALL_OCTETS, limits.RELEASE_FETCH_S)


async def octets(url: Where, bounds: Bounds) -> bytes:
    """A small file. Raises: Failed; Refused for a redirect that leads astray."""
    found = bytearray()
    await _pour(url, bounds, lambda piece, _: found.extend(piece))
    return bytes(found)


async def into(file: BinaryIO, url: Where, bounds: Bounds, progress: Progress) -> None:
    """A large file, written to an open one that has no buffer. Raises: Failed; Refused."""
    done = 0

    def take(piece: bytes, length: int | None) -> None:
        nonlocal done
        try:
            file.write(piece)
        except OSError as error:
            raise Failed(f"{url} cannot be kept: {error.strerror}") from error
        done += len(piece)
        progress(done, length)

    await _pour(url, bounds, take)


async def _pour(url: Where, bounds: Bounds, sink: httpget.Sink) -> None:
    left = bounds.octets

    def bounded(piece: bytes, length: int | None) -> None:
        nonlocal left
        left -= len(piece)
        if left < 0 or (length or 0) > bounds.octets:
            raise Failed(f"{url}: larger than {bounds.octets} octets")
        sink(piece, length)

    try:
        with trio.fail_after(bounds.seconds):
            await (_file(url, bounded) if isinstance(url, FileUrl) else _http(url, bounded))
    except trio.TooSlowError:
        raise Failed(f"{url}: not here within {bounds.seconds:.0f} s") from None


async def _http(url: VerifyHost, sink: httpget.Sink) -> None:
    asked = url
    for _ in range(limits.RELEASE_REDIRECTS + 1):
        try:
            answer = await httpget.fetch(asked, sink, limits.RELEASE_STALL_S)
        except Unreached as error:
            raise Failed(error.why) from error
        if answer.status == _OK:
            return
        if not answer.redirects:
            raise Failed(f"{asked}: {_WHY.get(answer.status, 'no such answer was expected')} (HTTP {answer.status})")
        asked = _next(asked, answer.location)
    raise Failed(f"{url}: it redirects again and again")


def _next(asked: VerifyHost, location: str) -> VerifyHost:
    if location.startswith("/") and not location.startswith("//"):
        location = f"{asked.scheme}://{asked.authority}{location}"
    found = manifest.where(location, asked)
    assert isinstance(found, VerifyHost)  # no file within what came over the network
    return found


async def _file(url: FileUrl, sink: httpget.Sink) -> None:
    """In pieces, with a look at the clock between them; a FIFO is empty, and a device has an end where we want it."""
    try:
        fd = os.open(url.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            length = os.fstat(fd).st_size
            while piece := os.read(fd, limits.COPY_OCTETS):
                sink(piece, length)
                await trio.lowlevel.checkpoint()
        finally:
            os.close(fd)
    except OSError as error:
        raise Failed(f"{url}: {error.strerror}") from error
