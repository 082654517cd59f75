"""Checksums and the signature: what lets a host know that an artefact is ours and whole.

The private key is read, used and forgotten; without one a throw-away key is made, which nobody can trust later.
"""

import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from install.release import Refused, fetching

BITS = 3072
SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
# Neither what says where the artefacts are, nor what is about the checksums themselves, nor what people only read.
_NOT_SUMMED = (SUMS, SIGNATURE, "latest.json", "NOTES.md")


class Key:
    """A private RSA key; `public` is what goes into programs and the installer."""

    def __init__(self, file: Path | None) -> None:
        """`file`: PEM, without a passphrase; None: one that is thrown away. Raises: Refused."""
        if file is None:
            self._private = rsa.generate_private_key(65537, BITS)
            return
        try:
            loaded = serialization.load_pem_private_key(file.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise Refused(f"{file} is no private key in PEM without a passphrase: {error}") from error
        if not isinstance(loaded, rsa.RSAPrivateKey) or loaded.key_size < BITS:
            raise Refused(f"{file} is no RSA key of {BITS} bits or more")
        self._private = loaded

    @property
    def private(self) -> bytes:
        """PKCS#8 in PEM, without a passphrase."""
        form = serialization.PrivateFormat.PKCS8
        return self._private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())

    @property
    def public(self) -> str:
        """SubjectPublicKeyInfo in PEM."""
        return _pem(self._private.public_key())

    def sign(self, octets: bytes) -> bytes:
        """As `openssl dgst -sha256 -sign` does it; the same octets have the same signature."""
        return self._private.sign(octets, padding.PKCS1v15(), hashes.SHA256())


def trusted(file: Path) -> str:
    """A public key of a file, of the key that comes next: programs of this release trust it too. Raises: Refused."""
    try:
        loaded = serialization.load_pem_public_key(file.read_bytes())
    except (OSError, ValueError) as error:
        raise Refused(f"{file} is no public key in PEM: {error}") from error
    if not isinstance(loaded, rsa.RSAPublicKey) or loaded.key_size < BITS:
        raise Refused(f"{file} is no RSA key of {BITS} bits or more")
    return _pem(loaded)


def _pem(key: rsa.RSAPublicKey) -> str:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def checksum(path: Path) -> str:
    """One line as sha256sum writes it."""
    return f"{fetching.digest(path)}  {path.name}\n"


def seal(directory: Path, key: Key | None) -> None:
    """Write SHA256SUMS of all that is in the directory, and its signature; None: no signature."""
    summed = sorted(
        path for path in directory.iterdir() if path.name not in _NOT_SUMMED and not path.name.startswith("tag-")
    )
    octets = "".join(checksum(path) for path in summed).encode()
    (directory / SUMS).write_bytes(octets)
    if key is not None:
        (directory / SIGNATURE).write_bytes(key.sign(octets))


def main() -> int:
    """`python -m install.release.sealing FILE`: make a key. FILE is the private one, FILE.pub the public one."""
    (file,) = sys.argv[1:] if len(sys.argv) == 2 else sys.exit("usage: python -m install.release.sealing FILE")
    key = Key(None)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(key.private)
    Path(f"{file}.pub").write_text(key.public)
    return 0


if __name__ == "__main__":
    sys.exit(main())
