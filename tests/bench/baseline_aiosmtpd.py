"""What one would write in plain Python: aiosmtpd, dkimpy, pyspf and dnspython, each as its own page shows it.

A process of its own: `python -m tests.bench.baseline_aiosmtpd DIRECTORY HOST:PORT` (of the name server). It verifies
DKIM and SPF, writes the message with both verdicts on top into a maildir, syncs file and directory, and only then says
250. Threads, so that one message is synced while another is verified; names are cached. Prints its port, then
serves until its standard input ends.
"""

import asyncio
import os
import sys
import uuid
from pathlib import Path

import dkim
import dns.resolver
import spf
from aiosmtpd.smtp import SMTP, Envelope, Session


class Keep:
    """aiosmtpd's handler."""

    def __init__(self, directory: Path) -> None:
        self._staged, self._kept = directory / "tmp", directory / "new"
        for one in (self._staged, self._kept):
            one.mkdir(parents=True)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Verified and on disk, then 250."""
        await asyncio.to_thread(self._keep, session, envelope)
        return "250 2.0.0 kept"

    def _keep(self, session: Session, envelope: Envelope) -> None:
        octets = envelope.content
        assert isinstance(octets, bytes) and session.peer is not None
        signed = "pass" if dkim.verify(octets) else "fail"
        allowed, _ = spf.check2(i=session.peer[0], s=envelope.mail_from, h=session.host_name)
        name = uuid.uuid4().hex
        with open(self._staged / name, "wb") as file:
            file.write(f"Authentication-Results: agent.test; dkim={signed}; spf={allowed}\r\n".encode() + octets)
            file.flush()
            os.fsync(file.fileno())
        os.rename(self._staged / name, self._kept / name)
        directory = os.open(self._kept, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


async def main(directory: Path, name_server: str) -> None:
    """Serve."""
    host, _, port = name_server.rpartition(":")
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.cache = [host], int(port), dns.resolver.LRUCache()
    dns.resolver.default_resolver = resolver
    loop, keep = asyncio.get_running_loop(), Keep(directory)
    server = await loop.create_server(lambda: SMTP(keep, hostname="agent.test", loop=loop), "127.0.0.1", 0)
    async with server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
