"""The SMTP envelope of one message (RFC 5321 section 2.3.1)."""

import msgspec


class ForwardPath(msgspec.Struct, frozen=True, array_like=True):
    """One accepted RCPT: the address as given and the mailbox that takes it."""

    rcpt: str
    mailbox: str


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """Who handed us the message, for whom, and when.

    `reverse_path` is the empty string for the null reverse-path. `peer_ip` is None for manual ingestion.
    `received_at` is seconds since the epoch.
    """

    reverse_path: str
    forward_paths: tuple[ForwardPath, ...]
    peer_ip: str | None
    helo: str
    received_at: float
    tls: bool = False
    smtputf8: bool = False

    @property
    def bounce(self) -> bool:
        """Sent with the null reverse-path; a message ingested by hand has none at all, which is something else."""
        return self.reverse_path == "" and self.peer_ip is not None
