"""What a directory of fixtures/inbound means: a message, its envelope and zone, and what must be stored.

`message.eml` holds raw octets; `message.toml` describes a large one as pieces (`text`, `times`, `hex`; `{n}` counts).
A large result is kept as `<name>.digest` (SHA-256 and size) beside where it would lie.
"""

import hashlib
import os
import tomllib
from pathlib import Path

from aimx.mailauth import verify
from aimx.mime.read import read_message
from aimx.model.config import Mailbox
from aimx.model.dns import Answer, Question
from aimx.model.envelope import Envelope, ForwardPath
from aimx.model.message import Examined, with_auth
from aimx.policy import trust
from aimx.store import document, layout

ROOT = Path(__file__).resolve().parents[2] / "fixtures" / "inbound"
DIRECTORIES = sorted(path for path in ROOT.iterdir() if path.is_dir())
RECEIVED_AT = 1744727423.0  # 2025-04-15T14:30:23Z, the guide's example
DIGEST_OCTETS = 32 * 1024
UPDATE = os.environ.get("AIMX_UPDATE_GOLDEN") == "1"


def message(directory: Path) -> bytes:
    """The octets of the message."""
    raw = directory / "message.eml"
    if raw.exists():
        return raw.read_bytes()
    octets = bytearray()
    for piece in tomllib.loads((directory / "message.toml").read_text())["pieces"]:
        for number in range(piece.get("times", 1)):
            if "hex" in piece:
                octets += bytes.fromhex(piece["hex"])
            else:
                octets += piece["text"].replace("{n}", str(number)).encode()
    return bytes(octets)


def envelope(directory: Path) -> tuple[Envelope, Mailbox]:
    """The envelope and the mailbox that takes the message."""
    table = tomllib.loads((directory / "envelope.toml").read_text())
    rcpt = table.get("rcpt", "support@agent.test")
    box = table.get("mailbox", {})
    mailbox = Mailbox(
        name=box.get("name", "support"),
        address="support@agent.test",
        owner="support",
        trust=box.get("trust", "none"),
        trusted_senders=tuple(box.get("trusted_senders", ())),
    )
    return Envelope(
        reverse_path=table.get("reverse_path", "alice@example.com"),
        forward_paths=(ForwardPath(rcpt, mailbox.name),),
        peer_ip=None if table.get("manual") else table.get("peer_ip", "192.0.2.1"),
        helo=table.get("helo", "mx.example.com"),
        received_at=table.get("received_at", RECEIVED_AT),
    ), mailbox


def zone(directory: Path) -> dict[Question, Answer]:
    """zone.toml: `["name"]` tables of record type to list of records; `temperror = true` for a failing name."""
    path = directory / "zone.toml"
    answers = {}
    for name, records in tomllib.loads(path.read_text()).items() if path.exists() else ():
        for rtype, values in records.items():
            question = Question(name.lower(), rtype)
            status = "ok" if values else "temperror"
            answers[question] = Answer(question, status, tuple(values or ()))
    return answers


def examined(directory: Path) -> tuple[Examined, Envelope, Mailbox]:
    """The message through the parser and the verifier, DNS answered from the zone."""
    octets = message(directory)
    sender, mailbox = envelope(directory)
    parsed = read_message(octets, sender)
    known = zone(directory)
    names = {question.name for question in known}
    answers: dict[Question, Answer] = {}
    for number in range(100):
        result = verify.verify(octets, sender, parsed.headers, answers, number == 99)
        if not isinstance(result, tuple):
            return with_auth(parsed, result), sender, mailbox
        for question in result:
            absent = Answer(question, "nodata" if question.name in names else "nxdomain")
            answers[question] = known.get(question, absent)
    raise AssertionError("verification did not end")


def stored(directory: Path) -> dict[str, bytes]:
    """Every file that must be written, by its path below `expected`."""
    parsed, sender, mailbox = examined(directory)
    verdict = trust.evaluate(mailbox, parsed.headers, parsed.auth)
    text = document.inbound(parsed, sender, sender.forward_paths[0].rcpt, mailbox, verdict)
    stem = layout.stem(sender.received_at, parsed.headers.subject)
    files = {f"expected/{file.name}": file.octets for file in document.files(parsed)}
    files["expected.md"] = document.with_id(text, stem)
    return {name: content for path, octets in files.items() for name, content in [_kept(path, octets)]}


def _kept(path: str, octets: bytes) -> tuple[str, bytes]:
    if len(octets) <= DIGEST_OCTETS:
        return path, octets
    return f"{path}.digest", f"{hashlib.sha256(octets).hexdigest()} {len(octets)}\n".encode()


def golden(directory: Path) -> dict[str, bytes]:
    """What the directory holds."""
    paths = [
        path for path in directory.rglob("*") if path.is_file() and path.relative_to(directory).parts[0] not in _GIVEN
    ]
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


_GIVEN = ("message.eml", "message.toml", "envelope.toml", "zone.toml")


def rewrite(directory: Path, files: dict[str, bytes]) -> None:
    """Replace the golden files."""
    for name in golden(directory):
        (directory / name).unlink()
    for name, content in files.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_bytes(content)
