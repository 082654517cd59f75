"""One message file as the index holds it: the row that lists show, the words of a search, the ids it mentions.

The file is the truth: a row is a function of its name and its octets. Computes only.
"""

import hashlib
import zlib
from datetime import datetime
from typing import Any, NamedTuple

from aimx import limits
from aimx.errors import Refused
from aimx.mime import frontmatter
from aimx.model.delivery import Folder, Mark
from aimx.store import indexkey, indexwords
from aimx.store.browse import Message

COLUMNS = (
    "stem", "strange", "received_at", "bundle", "attachments", "unread", "readable", "from_", "to_", "subject", "date",
    "message_id", "in_reply_to", "references_", "thread_id", "trusted", "dkim", "spf", "dmarc", "automated", "status",
    "text_hash", "dev", "ino", "size", "mtime_ns",
)  # fmt: skip
_TEXTS = ("from", "to", "subject", "date", "message_id", "in_reply_to", "references", "thread_id", "trusted", "dkim",
          "spf", "dmarc", "automated", "delivery_status")  # fmt: skip
_MOST = limits.SUMMARY_CHARACTERS
_RECIPIENTS = ("to", "to_all", "cc", "bcc", "delivered_to")
_MORE = ("reply_to", "list_id", "message_id")


class Entry(NamedTuple):
    """`values` in the order of COLUMNS; `words` in that of indexwords.COLUMNS; `mentions`: see `mentioned`."""

    stem: str
    unread: bool
    readable: bool
    values: tuple[object, ...]
    words: tuple[str, ...]
    mentions: frozenset[int]

    @property
    def bundle(self) -> bool:
        """Whether it lies in a directory of its own."""
        return bool(self.values[COLUMNS.index("bundle")])


def is_of(entry: Entry, mark: Mark | None) -> bool:
    """Whether a file is still the one that an entry was made of."""
    return mark is not None and entry.values[-4:] == (mark.dev, mark.ino, mark.size, mark.mtime_ns)


def entry(folder: Folder, stem: str, message: Message) -> Entry:
    """What the index holds of a message file. Frontmatter that cannot be read leaves what is known without it."""
    try:
        fields, rest = frontmatter.read(message.octets)
    except Refused:
        fields, rest = None, message.octets
    told = fields or {}
    get = told.get
    texts = [value if type(value := get(key, "")) is str and len(value) <= _MOST else _text(value) for key in _TEXTS]
    if isinstance(get("references"), str) and len(told["references"]) > _MOST:
        texts[6] = _tail(told["references"])
    body = rest[: limits.INDEX_TEXT_OCTETS].decode("utf-8", "ignore")
    words: tuple[str, ...] = (texts[0], _joined(told, _RECIPIENTS), texts[2], body, _more(told))
    if not "".join(words).isascii():
        words = tuple(map(indexwords.spaced, words))
    unread = folder == "inbox" and fields is not None and told.get("read") is not True
    attachments = told.get("attachments")
    at = indexkey.told(stem)
    values = (
        stem, at is None, float(at if at is not None else _moment(told, message)), message.bundle,
        len(attachments) if isinstance(attachments, list) else 0, unread, fields is not None, *texts, _hash(words),
        *(message.mark.dev, message.mark.ino, message.mark.size, message.mark.mtime_ns),
    )  # fmt: skip
    return Entry(stem, unread, fields is not None, values, words, mentioned(texts[4], texts[5], texts[6]))


def mentioned(message_id: str, in_reply_to: str, references: str) -> frozenset[int]:
    """Numbers of the Message-IDs that a message has and names: messages that share one may be of one conversation."""
    return frozenset(map(number, identifiers(message_id, in_reply_to, references)))


def identifiers(message_id: str, in_reply_to: str, references: str) -> list[str]:
    """The Message-IDs themselves, without brackets, its own first."""
    found = [message_id, in_reply_to]
    if references:
        found += references.split()[-limits.INDEX_REFERENCES :]
    return [identifier for identifier in map(bare, found) if identifier]


def bare(identifier: str) -> str:
    """A Message-ID as it is compared."""
    return identifier.strip(" \t<>")


def number(identifier: str) -> int:
    """What the index holds in the place of a Message-ID."""
    digest = hashlib.blake2b(identifier.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _joined(told: dict[str, Any], keys: tuple[str, ...]) -> str:
    """Several fields as one text, in which no phrase goes from one to the next."""
    return " , ".join([_text(told[key]) for key in keys if key in told])


def _more(told: dict[str, Any]) -> str:
    tables = told.get("attachments")
    if not isinstance(tables, list):
        return _joined(told, _MORE)
    names = [_text(table.get("filename")) for table in tables[: limits.PARTS] if isinstance(table, dict)]
    return " , ".join([_joined(told, _MORE), *names])


def _text(value: object) -> str:
    """A field as a text of bounded length, whichever type TOML gave it."""
    if isinstance(value, str):
        return value[: limits.SUMMARY_CHARACTERS]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return "" if value is None or isinstance(value, dict | list) else str(value)[: limits.SUMMARY_CHARACTERS]


def _tail(value: object) -> str:
    """References: the latest stand at the end."""
    if not isinstance(value, str):
        return _text(value)
    return value[-limits.SUMMARY_CHARACTERS :].partition(" ")[2]


def _moment(told: dict[str, Any], message: Message) -> int:
    """When a message was received whose name does not say so, as well as can be known."""
    for key in ("received_at", "delivered_at", "date"):
        value = told.get(key)
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
            if moment.tzinfo is not None:
                return int(moment.timestamp())
        except (ValueError, OverflowError):
            continue
    return message.mark.mtime_ns // 10**9


def octets(text_hash: int) -> int:
    """How long the text is that has this hash."""
    return text_hash & 0x7FFFFFFF


def _hash(words: tuple[str, ...]) -> int:
    octets = "\0".join(words).encode("utf-8", "replace")
    return zlib.crc32(octets) << 31 | len(octets)
