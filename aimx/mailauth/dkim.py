"""DKIM (RFC 6376, 8301, 8463): every signature looked at, the first five verified, never an exception.

dkimpy selects, canonicalizes and verifies the signed header fields. Its arithmetic and its canonicalization, which
a sender could make arbitrarily slow, are replaced here, in this one place, by `cryptography` and `canonical`.
"""

import hashlib
import re
from collections.abc import Callable
from typing import NamedTuple

import dkim
import dkim.canonicalization

from aimx import limits
from aimx.mailauth import canonical, fields, keys, signature
from aimx.mailauth.fields import Message
from aimx.mailauth.questions import Asked
from aimx.mailauth.signature import Signature, Unusable
from aimx.model.authres import SignatureResult
from aimx.model.dns import Answer


def _verify_with_key(hashed: dkim.HashThrough, octets: bytes, key: keys.Key) -> bool:
    return key.verifies(hashed.digest(), octets)


dkim.RSASSA_PKCS1_v1_5_verify = _verify_with_key
dkim.canonicalization.Relaxed.canonicalize_body = staticmethod(canonical.relaxed)
dkim.canonicalization.Relaxed.canonicalize_headers = staticmethod(canonical.relaxed_fields)
# dkimpy's own expression for the value of b=, a run of base64 at a time instead of a character.
dkim.RE_BTAG = re.compile(rb"([;\s]b" + dkim.FWS + rb"=)(?:" + dkim.FWS + rb"[a-zA-Z0-9+/=]++)*+(?:\r?\n\Z)?")
dkim.canonicalization.Simple.canonicalize_body = staticmethod(canonical.simple)


class Candidate(NamedTuple):
    """One of the first signatures: well-formed, or the reason why it is not."""

    read: Signature | None
    problem: SignatureResult | None


def candidates(message: Message, now: float) -> tuple[Candidate, ...]:
    """The first signatures of a message, topmost first, none verified yet."""
    if message.unreadable_signature:
        return (Candidate(None, SignatureResult("", "", "permerror", "malformed header field")),)
    found = message.named(b"dkim-signature")[: limits.DKIM_SIGNATURES]
    return tuple(_candidate(field, now) for field in found)


def _candidate(field: fields.Field, now: float) -> Candidate:
    try:
        return Candidate(signature.read(field, now), None)
    except Unusable as error:
        return Candidate(None, SignatureResult("", "", error.result, str(error)))


def ask(found: tuple[Candidate, ...], asked: Asked) -> None:
    """Note the key questions of all signatures."""
    for candidate in found:
        if candidate.read is not None:
            asked.answer(candidate.read.key_name, "TXT")


def verify(message: Message, found: tuple[Candidate, ...], asked: Asked) -> tuple[SignatureResult, ...]:
    """One result per signature, every key answer known or given up."""
    hashes = _BodyHashes(message.body)
    results = []
    for candidate in found:
        if candidate.read is None:
            assert candidate.problem is not None
            results.append(candidate.problem)
            continue
        read = candidate.read
        answer = asked.given_up(read.key_name, "TXT")
        result, why = _verify_one(message, read, answer, hashes)
        results.append(SignatureResult(read.sdid, read.selector, result, why))
    return tuple(results)


def _verify_one(message: Message, read: Signature, answer: Answer, hashes: "_BodyHashes") -> tuple[str, str]:
    try:
        key = _key(read, answer)
        hashes.check(read)
        return ("pass", "") if _signed_by(message, read, key) else ("fail", "signature does not verify")
    except Unusable as error:
        return error.result, str(error)
    except Exception as error:  # noqa: BLE001  a library's exception on hostile octets is a result (A1)
        return "permerror", f"not verifiable: {type(error).__name__}"


def _key(read: Signature, answer: Answer) -> keys.Key:
    if answer.status == "temperror":
        raise Unusable("key lookup failed", "temperror")
    if answer.status != "ok":
        raise Unusable("no key published")
    problem = Unusable("no key published")
    for record in answer.records[: limits.DKIM_RECORDS]:
        try:
            key = keys.read(record)
        except Unusable as error:
            problem = error
            continue
        if key.key_type != read.key_type:
            problem = Unusable("key of another type")
        elif key.exact_identity and read.identity_domain != read.sdid:
            problem = Unusable("i= is not d=")
        else:
            return key
    raise problem


class _BodyHashes:
    """Canonical length and SHA-256 of the body, computed once for each canonicalization that is asked for."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._known: dict[str, tuple[int, bytes]] = {}

    def check(self, read: Signature) -> None:
        """Raises: Unusable when the body is not the one signed, or not signed to its end."""
        name = read.body_canonicalization
        if name not in self._known:
            algorithm = dkim.canonicalization.ALGORITHMS[name.encode()]
            text = algorithm.canonicalize_body(self._body)
            self._known[name] = (len(text), hashlib.sha256(text).digest())
        length, digest = self._known[name]
        if read.length is not None and read.length < length:
            raise Unusable("l= leaves body octets unsigned", "policy")
        if read.length is not None and read.length > length:
            raise Unusable("l= exceeds the body")
        if digest != read.body_hash:
            raise Unusable("body hash does not match", "fail")


def _signed_by(message: Message, read: Signature, key: keys.Key) -> bool:
    """dkimpy's verdict on the header fields; it is handed only those that the signature can cover.

    Without bh= it leaves the body to us. The key is ours, of whichever type, behind its RSA seam.
    """
    verifier = dkim.DKIM(None)
    verifier.headers, names = _covered(message, read)
    verifier.pk, verifier.ktag, verifier.keysize = key, b"rsa", limits.DKIM_KEY_BITS_MAX
    tags = {
        b"a": b"rsa-sha256",
        b"b": read.tags["b"].encode("ascii"),
        b"c": f"{read.header_canonicalization}/{read.body_canonicalization}".encode(),
    }
    return bool(verifier.verify_sig_process(tags, names, (read.field.name, read.field.value), None))


def _covered(message: Message, read: Signature) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
    """The fields h= can select and the names that select one: dkimpy's cost is their product."""
    left: dict[bytes, int] = {}
    for name in read.names:
        key = name.encode("ascii")
        left[key] = left.get(key, 0) + 1
    left[b"from"] += 1  # dkimpy selects one From more than is named, so that an added one breaks the signature
    kept = []
    for field in reversed(message.fields or ()):
        if left.get(field.key, 0) > 0:
            left[field.key] -= 1
            kept.append(field)
    kept.reverse()
    present = {field.key for field in kept}
    return [(field.name, field.value) for field in kept], [
        name.encode("ascii") for name in read.names if name.encode("ascii") in present
    ]


class _ForeignKey:
    """What dkimpy expects of a key object: `sign` returns something with a `signature`."""

    def __init__(self, sign: Callable[[bytes], bytes]) -> None:
        self._sign = sign
        self.signature = b""

    def sign(self, digest: bytes) -> "_ForeignKey":
        self.signature = self._sign(digest)
        return self


def written(message: Message, tags: list[tuple[bytes, bytes]], sign: Callable[[bytes], bytes]) -> bytes:
    """The value of a DKIM-Signature field over the header fields that its h= names, folded, with its CRLF.

    Args:
        tags: all of them in order, b= last and its value a placeholder.
        sign: from a SHA-256 digest to its RSA signature.
    """
    signer = dkim.DKIM(None, linesep=b"\r\n")
    signer.headers = [(field.name, field.value) for field in message.fields or ()]
    # dkimpy's way to a key object of another library, which it only takes for the other algorithm.
    signer.signature_algorithm, signer.hasher = b"ed25519-sha256", hashlib.sha256
    names = dict(tags)[b"h"].split(b" : ")
    policy = dkim.canonicalization.CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
    value: bytes = signer.gen_header(list(tags), names, policy, b"DKIM-Signature", _ForeignKey(sign))
    return value
