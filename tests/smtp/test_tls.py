"""STARTTLS as it is met: whoever can encrypt does, whoever fails gets the message in clear on a new connection."""

import datetime
import ssl

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.smtp.stage import NORMAL, Script, Session, World


def context(directory, name="mx.test", days=36500, key=None, **settings):
    """A server's TLS."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2020, 1, 1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=days))
    pem = directory / "pem"
    pem.write_bytes(
        builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers(settings.pop("ciphers", "DEFAULT:@SECLEVEL=0"))
    for setting, value in settings.items():
        setattr(made, setting, value)
    made.load_cert_chain(pem)
    return made


CERTIFICATES = {
    "good": {},
    "expired": {"days": 1},
    "another name": {"name": "elsewhere.test"},
    "a weak key": {"key": rsa.generate_private_key(65537, 1024)},
    "TLS 1.2": {"maximum_version": ssl.TLSVersion.TLSv1_2},
}


@pytest.mark.parametrize("settings", CERTIFICATES.values(), ids=CERTIFICATES)
def test_any_certificate_is_better_than_none(tmp_path, settings):
    script = Script("8BITMIME", tls=context(tmp_path, **settings))
    assert World(script).deliver()[0].result == "delivered"
    assert script.connections == 1
    assert script.heard[:3] == ["EHLO agent.test", "STARTTLS", "EHLO agent.test"]


OLD = {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1}
NO_CIPHER = {"ciphers": "AES128-SHA:@SECLEVEL=0", "maximum_version": ssl.TLSVersion.TLSv1_2}


class Handshake(Script):
    """Something else than a handshake after 220."""

    deed = ""


async def _misbehave(self):
    """In the place of the server's handshake."""
    match self.script.deed:
        case "plaintext":
            await self.raw.send_all(b"250 let us go on in clear\r\n")
        case "alert":
            await self.raw.send_all(b"\x15\x03\x03\x00\x02\x02\x28")
        case "garbage":
            await self.raw.send_all(b"\xff" * 3000)
        case "reset":
            self.ours.reset = True
        case "silence":
            await trio.sleep_forever()
        case "end after the handshake":
            await trio.SSLStream(self.raw, self.script.tls, server_side=True).do_handshake()
            await trio.aclose_forcefully(self.raw)
    await self.raw.aclose()


FAILURES = ["plaintext", "alert", "garbage", "reset", "silence", "end", "end after the handshake"]


@pytest.mark.parametrize("deed", FAILURES)
def test_a_handshake_that_fails_is_followed_by_clear_text(tmp_path, monkeypatch, deed):
    script = Handshake(tls=context(tmp_path))
    script.deed = deed
    monkeypatch.setattr(Session, "_secure", _misbehave)
    (outcome,) = World(script).deliver()
    assert (outcome.result, script.connections) == ("delivered", 2), outcome
    assert script.heard.count("STARTTLS") == 1
    assert script.open == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("settings", [OLD, NO_CIPHER], ids=["TLS 1.0 alone", "no common cipher"])
def test_what_nobody_may_use_any_more_is_followed_by_clear_text(tmp_path, settings):
    script = Script(tls=context(tmp_path, **settings))
    (outcome,) = World(script).deliver()
    assert outcome.result == "delivered"
    assert script.connections == 2


def test_what_was_injected_before_the_handshake_is_never_looked_at(tmp_path):
    injected = b"250-mx\r\n250 8BITMIME\r\n" + b"250 ok\r\n" * 3
    script = Script(tls=context(tmp_path))
    script.replies["starttls"] = [NORMAL["starttls"] + injected]
    (outcome,) = World(script).deliver()
    assert (outcome.result, outcome.reply) == ("delivered", "250 2.0.0 queued as 1")
    assert (script.connections, len(script.messages)) == (1, 1)  # nor does it look like a server that fails


def test_clear_text_is_not_tried_after_a_refusal_over_tls(tmp_path):
    script = Script(tls=context(tmp_path), mail=b"550 5.7.1 no\r\n")
    assert World(script).deliver()[0].result == "failed"
    assert script.connections == 1


def test_a_dead_connection_after_the_dot_is_unknown_over_tls_too(tmp_path):
    script = Script(tls=context(tmp_path), dot="close")
    assert World(script).deliver()[0].result == "unknown"
    assert script.connections == 1
