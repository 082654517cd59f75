"""Clients of the verifier that vanish, anywhere in a request and anywhere in a dialog: nothing of them stays."""

import contextlib
import socket
import struct

import psutil
import pytest

from tests.faults.tally import TALLY
from tests.faults.traffic import ROUNDS, until
from tests.verifier.program import WAIT_S, Verifier

EACH = max(1, ROUNDS // 100)
HEAD = b"GET /health HTTP/1.1\r\nHost: verify.test\r\nX-AIMX-Client-IP: 192.0.2.1\r\n\r\n"
DIALOG = b"EHLO a.test\r\nNOOP\r\nMAIL FROM:<a@b.test>\r\nQUIT\r\n"
PLACES = {"web": HEAD, "smtp": DIALOG}
RESET = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def verifier():
    with Verifier() as running:
        yield running


def _cuts(octets):
    """In every line: after its first octet, in its middle, before its end, after it."""
    ends = [at + 1 for at, octet in enumerate(octets) if octet == ord("\n")]
    begins = [0, *ends[:-1]]
    places = {
        at for begin, end in zip(begins, ends, strict=True) for at in (begin + 1, (begin + end) // 2, end - 1, end)
    }
    return sorted(places - {len(octets)})


@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
@pytest.mark.parametrize("where", PLACES)
def test_nothing_of_them_stays(verifier, where, reset):
    process = psutil.Process(verifier.process.pid)
    assert verifier.get("/health")[0] == 200
    before = process.num_fds()
    for cut in [cut for cut in _cuts(PLACES[where]) for _ in range(EACH)]:
        with socket.create_connection(getattr(verifier, where), WAIT_S) as made:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # answered before it had all
                made.sendall(PLACES[where][:cut])
            if reset:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        TALLY.fault("client of the verifier resets" if reset else "client of the verifier hangs up")
    until(lambda: process.num_fds() <= before, f"no more than {before} descriptors")
    assert verifier.get("/health")[0] == 200
    assert verifier.raw(b"QUIT\r\n", "smtp").startswith(b"220 ")
    assert not [line for line in verifier.log if "Traceback" in line or "level=error" in line], verifier.log[-20:]
