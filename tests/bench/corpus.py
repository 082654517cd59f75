"""What the bench sends: distinct messages signed before the clock starts, and the DNS zone that verifies them.

The signer is a dozen lines of its own: its messages are already in canonical form, so that both relaxed
canonicalizations (RFC 6376 section 3.4) leave them as they are, and dkimpy on the other side is an independent check.
"""

import base64
import hashlib
import random
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.harness import DOMAIN

SENDER = "sender.test"
SELECTOR = "bench"
MAILBOXES = tuple(f"agent{number}" for number in range(10))
_WORDS = [
    "invoice",
    "budget",
    "report",
    "meeting",
    "agent",
    "server",
    "release",
    "please",
    "review",
    "the",
    "draft",
    "before",
    "next",
    "week",
    "thanks",
]

Shape = Callable[[random.Random, int], tuple[str, str]]


class Corpus:
    """A key pair, its zone, and messages of any size."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def zone(self) -> dict[str, dict[str, list[str]]]:
        """SPF, DKIM and DMARC records under which every message of the bench passes."""
        public = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {
            SENDER: {"TXT": ["v=spf1 ip4:192.0.2.7 ip4:127.0.0.1 -all"], "A": ["192.0.2.7"], "MX": [f"10 mx.{SENDER}"]},
            f"{SELECTOR}._domainkey.{SENDER}": {"TXT": [f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"]},
            f"_dmarc.{SENDER}": {"TXT": ["v=DMARC1; p=reject"]},
        }

    def messages(self, size: int, count: int, shape: Shape) -> list[bytes]:
        """Distinct signed messages of about `size` octets, CRLF line ends, no line that begins with a dot."""
        generator = random.Random(size)
        return [self._signed(number, *shape(generator, size)) for number in range(count)]

    def _signed(self, number: int, content_type: str, body: str) -> bytes:
        fields = [
            ("From", f"Bench Sender <bench@{SENDER}>"),
            ("To", f"{MAILBOXES[number % len(MAILBOXES)]}@{DOMAIN}"),
            ("Subject", f"bench {number} of today"),
            ("Date", "Fri, 20 Nov 2026 10:00:00 +0000"),
            ("Message-ID", f"<{number}.{hashlib.sha256(body.encode()).hexdigest()[:16]}@{SENDER}>"),
            ("MIME-Version", "1.0"),
            ("Content-Type", content_type),
        ]
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        names = ":".join(name.lower() for name, _ in fields)
        tag = (
            f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={SENDER}; s={SELECTOR}; t=1700000000; h={names}; bh={digest}; b="
        )
        canonical = "".join(f"{name.lower()}:{text}\r\n" for name, text in fields) + f"dkim-signature:{tag}"
        signature = base64.b64encode(self._key.sign(canonical.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
        head = "".join(f"{name}: {text}\r\n" for name, text in fields)
        trace = f"Received: from mx.{SENDER} by relay.{SENDER} with ESMTP id {number}; Fri, 20 Nov 2026 10:00:00 +0000"
        return f"{trace}\r\nDKIM-Signature: {tag}{signature}\r\n{head}\r\n{body}".encode()


def _prose(generator: random.Random, size: int) -> str:
    lines = []
    while size > 0:
        lines.append(" ".join(generator.choices(_WORDS, k=10)) + "\r\n")
        size -= len(lines[-1])
    return "".join(lines)


def text(generator: random.Random, size: int) -> tuple[str, str]:
    """One text/plain part."""
    return "text/plain; charset=utf-8", _prose(generator, max(80, size - 900))


def alternative(generator: random.Random, size: int) -> tuple[str, str]:
    """text/plain and text/html, as mail programs write it."""
    half = (size - 1200) // 2
    html = "".join(f"<p>{line}</p>\r\n" for line in _prose(generator, half * 9 // 10).splitlines())
    parts = [("text/plain", _prose(generator, half)), ("text/html", f"<html><body>\r\n{html}</body></html>\r\n")]
    body = "".join(f"--edge\r\nContent-Type: {kind}; charset=utf-8\r\n\r\n{part}\r\n" for kind, part in parts)
    return 'multipart/alternative; boundary="edge"', body + "--edge--\r\n"


def html_only(generator: random.Random, size: int) -> tuple[str, str]:
    """One text/html part, which has to be turned into text."""
    line = '<p>{} <a href="https://example.test/x">{}</a> <b>{}</b></p>\r\n'
    lines = [line.format(*generator.choices(_WORDS, k=3)) for _ in range((size - 900) // 75)]
    return "text/html; charset=utf-8", f"<html><body>\r\n{''.join(lines)}</body></html>\r\n"


def attachment(generator: random.Random, size: int) -> tuple[str, str]:
    """A short text and one base64 attachment."""
    octets = generator.randbytes((size - 2500) * 3 // 4)
    encoded = base64.encodebytes(octets).decode().replace("\n", "\r\n")
    body = (
        f"--edge\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{_prose(generator, 1000)}\r\n"
        '--edge\r\nContent-Type: application/pdf; name="report.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: attachment; filename="report.pdf"\r\n\r\n{encoded}\r\n--edge--\r\n'
    )
    return 'multipart/mixed; boundary="edge"', body
