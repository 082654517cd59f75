"""The certificate for STARTTLS: what is there, and a self-signed one of ours.

Nobody verifies it: STARTTLS between mail servers is opportunistic. One that somebody else signed is never replaced.
A key of ours that can go on being used does, so that a new certificate is one rename, and records that name the key
(DANE) stay right.
"""

import datetime
import os
import stat
from pathlib import Path
from typing import Literal, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from aimx import limits
from aimx.effects import files

CERTIFICATE, KEY = "cert.pem", "key.pem"
State = Literal["missing", "good", "broken", "ending", "foreign", "foreign-broken"]
_COMMON_NAME_CHARACTERS = 64  # RFC 5280 appendix A.1, ub-common-name


class Seen(NamedTuple):
    """What is there. `why`: what is the matter with it. `names`: whom it is for, in lower case.

    `foreign`: somebody else's, an authority's or one behind a link; with `-broken` it cannot be used.
    """

    state: State
    why: str = ""
    names: tuple[str, ...] = ()

    def serves(self, domain: str) -> bool:
        """Whether it can stay as it is for this domain. A foreign one stays in any case."""
        return self.state == "foreign" or (self.state == "good" and domain.lower() in self.names)


class Pair(NamedTuple):
    """Both files in PEM; `key` None: the one that is there stays."""

    certificate: bytes
    key: bytes | None


class _Unreadable(Exception):
    """A file that is there and cannot be used; the text says why."""


def look(directory: Path, now: float) -> Seen:
    """What is in the directory, and whether a daemon could use it."""
    try:
        certificate = _certificate(directory / CERTIFICATE)
    except FileNotFoundError:
        linked = os.path.islink(directory / CERTIFICATE)
        return Seen("foreign-broken", "cert.pem is a link to nothing") if linked else Seen("missing")
    except _Unreadable as error:  # ours is whole or not there
        return Seen("foreign-broken", str(error))
    ours = certificate.issuer == certificate.subject and not os.path.islink(directory / CERTIFICATE)
    names = _names(certificate)
    try:
        why = _unfit(certificate, _key(directory / KEY))
    except FileNotFoundError:
        why = "there is no key.pem"
    except _Unreadable as error:
        why = str(error)
    if why:
        return Seen("broken" if ours else "foreign-broken", why, names)
    if not ours:
        return Seen("foreign", "", names)
    left_s = certificate.not_valid_after_utc.timestamp() - now
    if left_s < limits.CERTIFICATE_RENEW_S:
        return Seen("ending", "it has expired" if left_s < 0 else f"it ends in {int(left_s // 86_400)} days", names)
    return Seen("good", "", names)


def make(directory: Path, domain: str, now: float) -> Pair:
    """A certificate for this domain, by the key that is there where that is a good one of ours."""
    key = _kept(directory / KEY)
    pem = None
    if key is None:
        key = ec.generate_private_key(ec.SECP256R1())
        form = serialization.PrivateFormat.PKCS8
        pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain[:_COMMON_NAME_CHARACTERS])])
    begin = datetime.datetime.fromtimestamp(now - limits.CERTIFICATE_BACKDATED_S, datetime.UTC)
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)  # digital signature
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=limits.CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(domain.lower())]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair(certificate.public_bytes(serialization.Encoding.PEM), pem)


def replace(directory: int, pair: Pair) -> None:
    """Put it in place. At no instant is there a certificate beside a key that is not its own. Raises: OSError."""
    if pair.key is not None:
        files.remove(directory, CERTIFICATE)  # without one the daemon starts, and does without STARTTLS
        os.fsync(directory)
        files.replace(directory, KEY, pair.key, 0o600)
    files.replace(directory, CERTIFICATE, pair.certificate, 0o644)


def put_back(directory: int, pair: Pair) -> None:
    """What was there before `replace`. Raises: OSError."""
    files.remove(directory, CERTIFICATE)
    if pair.key is not None:
        files.replace(directory, KEY, pair.key, 0o600)
    if pair.certificate:
        files.replace(directory, CERTIFICATE, pair.certificate, 0o644)


def present(directory: Path) -> Pair:
    """The octets of both files as they are; empty, or None, for what is not there."""
    return Pair(_octets(directory / CERTIFICATE) or b"", _octets(directory / KEY))


def _octets(path: Path) -> bytes | None:
    try:
        return _read(path)[0]
    except (OSError, _Unreadable):
        return None


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    """Raises: FileNotFoundError; _Unreadable."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _Unreadable(f"{path.name} cannot be read: {error.strerror}") from error
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise _Unreadable(f"{path.name} is not a file")
        return os.pread(fd, limits.KEY_FILE_OCTETS, 0), status
    finally:
        os.close(fd)


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_read(path)[0])
    except ValueError as error:
        raise _Unreadable(f"{path.name} is not a PEM certificate") from error


def _key(path: Path) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(_read(path)[0], None)
    except TypeError as error:  # it wants a passphrase
        raise _Unreadable(f"{path.name} is protected by a passphrase") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _Unreadable(f"{path.name} is not a PEM private key") from error


def _unfit(certificate: x509.Certificate, key: PrivateKeyTypes) -> str:
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if certificate.public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        return "key.pem does not belong to cert.pem"
    return ""


def _kept(path: Path) -> ec.EllipticCurvePrivateKey | None:
    """The key for another certificate: one like ours that nobody else could read."""
    try:
        octets, status = _read(path)
        key = serialization.load_pem_private_key(octets, None)
    except (OSError, _Unreadable, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    private = status.st_mode & 0o077 == 0 and status.st_uid == os.geteuid() and not os.path.islink(path)
    ours = isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
    return key if private and ours else None  # type: ignore[return-value]


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Whom it is for; one of the original program has only a common name."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = found.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        names = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return tuple(name.lower() for name in names)
