"""What a release is known by: SHA256SUMS, signed by one of the keys that this program was built with. Reads no file."""

import re

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from aimx.errors import Failed, Refused
from aimx.provision.upgrade.manifest import SIGNATURE, SUMS

_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^/\s][^/\n]*)")


def check(octets: bytes, signature: bytes, keys: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 in hex by name, once a key of ours has signed that. Raises: Failed; Refused when there is no key."""
    if not keys:
        raise Refused("this aimx is no release: it has no key that a release could be signed with")
    if not any(_signed(octets, signature, key) for key in keys):
        raise Failed(f"{SIGNATURE} is not by a key of aimx: {SUMS} is not what was released")
    return _parsed(octets)


def _signed(octets: bytes, signature: bytes, pem: str) -> bool:
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Failed("this aimx was built with a key that is none") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise Failed("this aimx was built with a key that is no RSA key")
    try:
        key.verify(signature, octets, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _parsed(octets: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(octets.decode("utf-8", "replace").splitlines(), 1):
        row = _LINE.fullmatch(line)
        if row is None or row[2] in found:
            raise Failed(f"{SUMS}: line {number} is no checksum of a file")
        found[row[2]] = row[1]
    return found


def of(found: dict[str, str], name: str) -> str:
    """The checksum of that file. Raises: Failed: a release that was signed under another name is not this one."""
    if name not in found:
        raise Failed(f"{SUMS} does not name {name}: what was signed is another release, or one for other machines")
    return found[name]
