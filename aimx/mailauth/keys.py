"""Public keys of DKIM as published (RFC 6376 section 3.6.1, 8301, 8463), refused before any arithmetic if unfit."""

from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from aimx import limits
from aimx.mailauth.signature import Unusable, base64_octets, tag_list

_PADDING = PKCS1v15()
_DIGEST = Prehashed(SHA256())


class Key(NamedTuple):
    """One usable key record. `exact_identity`: the domain of i= must be d= itself (flag `s`)."""

    key_type: str
    public: RSAPublicKey | Ed25519PublicKey
    exact_identity: bool

    def verifies(self, digest: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's, over a SHA-256 digest."""
        try:
            if isinstance(self.public, RSAPublicKey):
                self.public.verify(signature, digest, _PADDING, _DIGEST)
            else:
                self.public.verify(signature, digest)
        except InvalidSignature:
            return False
        return True


@lru_cache(maxsize=256)
def read(record: str) -> Key:
    """The key in one TXT record. Flag `y` (testing) changes nothing, as RFC 6376 wants. Raises: Unusable."""
    if len(record) > limits.DKIM_RECORD_CHARACTERS:
        raise Unusable("key record too long")
    tags = tag_list(record)
    if tags.get("v", "DKIM1") != "DKIM1":
        raise Unusable("unknown key version")
    if "sha256" not in _colon_list(tags.get("h", "sha256")):
        raise Unusable("key not for sha256")
    if not {"*", "email"} & set(_colon_list(tags.get("s", "*"))):
        raise Unusable("key not for mail")
    if "p" not in tags:
        raise Unusable("no key in record")
    octets = base64_octets(tags["p"])
    if not octets:
        raise Unusable("key revoked")
    key_type = tags.get("k", "rsa").lower()
    if key_type not in ("rsa", "ed25519"):
        raise Unusable("unknown key type")
    public = _rsa(octets) if key_type == "rsa" else _ed25519(octets)
    return Key(key_type, public, "s" in _colon_list(tags.get("t", "")))


def _colon_list(text: str) -> list[str]:
    return [item.strip().lower() for item in text.split(":")]


def _rsa(octets: bytes) -> RSAPublicKey:
    try:
        public = load_der_public_key(octets)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unusable("malformed key") from error
    if not isinstance(public, RSAPublicKey):
        raise Unusable("malformed key")
    if not limits.DKIM_KEY_BITS_MIN <= public.key_size <= limits.DKIM_KEY_BITS_MAX:
        raise Unusable(f"key of {public.key_size} bits")
    if public.public_numbers().e > limits.DKIM_EXPONENT_MAX:
        raise Unusable("key exponent too large")
    return public


def _ed25519(octets: bytes) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(octets)
    except ValueError as error:
        raise Unusable("malformed key") from error
