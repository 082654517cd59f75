"""Signed messages for tests: made by stock dkimpy, with any tags, keys from `fixtures/keys`."""

import base64
import hashlib
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dkim.canonicalization import CanonicalizationPolicy

from tests.mailauth.world import FIXTURES, NOW

BODY = b"Hello  agent,\r\n\r\nsee you \t there. \r\n\r\n\r\n"
SIGNED = (b"from", b"to", b"subject", b"date", b"message-id")


def message(sender: bytes = b"Al <al@example.test>", body: bytes = BODY, extra: bytes = b"") -> bytes:
    """An ordinary message."""
    return (
        extra + b"From: " + sender + b"\r\nTo: ops@agent.test\r\nSubject: Hello\r\n folded  subject\r\n"
        b"Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.test>\r\n\r\n" + body
    )


@cache
def private(name: str = "rsa2048"):
    """A private key in the form that dkimpy signs with."""
    if name == "ed25519":
        # RFC 8463 appendix A.2's form: 32 octets; any will do.
        key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"test key").digest())
        return SimpleNamespace(sign=lambda digest: SimpleNamespace(signature=key.sign(digest)), key=key)
    return dkim.parse_pem_private_key((FIXTURES / "keys" / f"{name}.pem").read_bytes())


@cache
def public_der(name: str = "rsa2048", pkcs1: bool = False) -> bytes:
    """The public half, as SubjectPublicKeyInfo or the bare RSAPublicKey."""
    if name == "ed25519":
        return private(name).key.public_key().public_bytes_raw()
    pem = (FIXTURES / "keys" / f"{name}.pem").read_bytes()
    key = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True).public_key()
    form = serialization.PublicFormat.PKCS1 if pkcs1 else serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.DER, form)


def record(name: str = "rsa2048", tags: str = "", pkcs1: bool = False) -> str:
    """A key record; `tags` replaces the tags before p=."""
    default = "v=DKIM1; k=ed25519; " if name == "ed25519" else "v=DKIM1; k=rsa; "
    return (tags or default) + "p=" + base64.b64encode(public_der(name, pkcs1)).decode()


def sign(octets: bytes, key: str = "rsa2048", names: tuple[bytes, ...] = SIGNED, **changed: str | None) -> bytes:
    """The message with a signature on top; keyword arguments set tags (None leaves one out), `c`, `d`, `s`, …"""
    signer = dkim.DKIM(octets)
    policy = CanonicalizationPolicy.from_c_value((changed.get("c") or "relaxed/relaxed").encode())
    algorithm = b"ed25519-sha256" if key == "ed25519" else b"rsa-sha256"
    if changed.get("a") == "rsa-sha1":
        algorithm = b"rsa-sha1"
    signer.signature_algorithm, signer.hasher = algorithm, dkim.HASH_ALGORITHMS[algorithm]
    body = policy.canonicalize_body(signer.body)
    if changed.get("l"):
        body = body[: int(str(changed["l"]))]
    fields = {
        "v": "1", "a": algorithm.decode(), "c": policy.to_c_value().decode(), "d": "example.test", "s": "s1",
        "t": str(int(NOW)), "h": b" : ".join(names).decode(),
        "bh": base64.b64encode(signer.hasher(body).digest()).decode(), **changed, "b": "0" * 60,
    }  # fmt: skip
    pairs = [(tag.encode(), text.encode()) for tag, text in fields.items() if text is not None]
    lowered = [name.lower() for name in names]
    header = signer.gen_header(pairs, lowered, policy, b"DKIM-Signature", private(key))
    return b"DKIM-Signature: " + header + octets


def install(config_dir: Path) -> None:
    """The DKIM key of a daemon: `rsa2048`, whose record is `record()`."""
    (config_dir / "dkim").mkdir(parents=True, exist_ok=True)
    (config_dir / "dkim" / "private.key").write_bytes((FIXTURES / "keys" / "rsa2048.pem").read_bytes())


_STOCK = """
import sys, dkim
print(dkim.verify(sys.stdin.buffer.read(), dnsfunc=lambda name, timeout=5: sys.argv[1].encode()))
"""


def verifies(octets: bytes, published: str | None = None) -> bool:
    """The verdict of dkimpy as it is; in a process of its own, since aimx replaces parts of it."""
    argv = [sys.executable, "-c", _STOCK, published or record()]
    return subprocess.run(argv, input=octets, capture_output=True, check=True).stdout == b"True\n"
