"""DKIM signing (RFC 6376 section 5): rsa-sha256, relaxed/relaxed, fields signed once more than they occur (O3).

dkimpy canonicalizes and writes the field, the arithmetic is `cryptography`'s. Never sees a body, only its hash.
"""

import base64
import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

from aimx import limits
from aimx.errors import SignFailed
from aimx.mailauth import canonical, dkim, fields
from aimx.model.domain import a_label

# In this order, each once more than it occurs, so that nobody on the way can add one that readers show (section 8.15).
SIGNED = (
    b"from", b"to", b"cc", b"reply-to", b"subject", b"date", b"message-id", b"in-reply-to", b"references",
    b"mime-version", b"content-type", b"content-transfer-encoding", b"auto-submitted",
)  # fmt: skip


class SigningKey:
    """A private key, parsed once. `record` is what the zone publishes for it."""

    def __init__(self, pem: bytes) -> None:
        """Raises: SignFailed."""
        try:
            key = serialization.load_pem_private_key(pem, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SignFailed("the DKIM key is no unencrypted PEM private key") from error
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < limits.DKIM_KEY_BITS_MIN:
            raise SignFailed(f"the DKIM key is no RSA key of at least {limits.DKIM_KEY_BITS_MIN} bits")
        self._key = key

    def signature(self, digest: bytes) -> bytes:
        """PKCS#1 v1.5 over a SHA-256 digest."""
        return self._key.sign(digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))

    @property
    def record(self) -> str:
        """The TXT record's value (RFC 6376 section 3.6.1)."""
        return f"v=DKIM1; k=rsa; p={base64.b64encode(self._public(serialization.Encoding.DER)).decode()}"

    @property
    def public_pem(self) -> bytes:
        """The public key as a file of its own (guide: SubjectPublicKeyInfo)."""
        return self._public(serialization.Encoding.PEM)

    def _public(self, encoding: serialization.Encoding) -> bytes:
        return self._key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


def body_hash(body: bytes) -> bytes:
    """SHA-256 of a body in relaxed canonical form."""
    return hashlib.sha256(canonical.relaxed(body)).digest()


def field(key: SigningKey, domain: str, selector: str, head: bytes, digest: bytes, now: float) -> bytes:
    """The DKIM-Signature field with its CRLF, for a header block and the hash of its body.

    Raises: SignFailed.
    """
    message = fields.cut(head + b"\r\n")
    if message.fields is None:
        raise SignFailed("the header block cannot be signed")
    sdid = a_label(domain)
    if sdid is None:
        raise SignFailed(f"{domain!r} is no domain that can be signed for")
    names = [name for name in SIGNED for _ in range(len(message.named(name)) + 1)]
    tags = [
        (b"v", b"1"), (b"a", b"rsa-sha256"), (b"c", b"relaxed/relaxed"), (b"d", sdid.encode()),
        (b"s", selector.encode("ascii")), (b"t", b"%d" % int(now)), (b"h", b" : ".join(names)),
        (b"bh", base64.b64encode(digest)), (b"b", b"0" * 60),
    ]  # fmt: skip
    return b"DKIM-Signature: " + dkim.written(message, tags, key.signature)
