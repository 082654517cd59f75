"""SPF (RFC 7208) by pyspf over answers given as values. Never touches the network, never an exception.

The identity is MAIL FROM, or `postmaster@<HELO>` for the null reverse-path (section 2.4).
"""

import re
from typing import Any, NamedTuple, NoReturn

import spf

from aimx import limits
from aimx.mailauth.questions import Asked
from aimx.model.dns import RecordType
from aimx.model.domain import a_label
from aimx.model.envelope import Envelope

WORDS = ("pass", "fail", "softfail", "neutral", "none", "temperror", "permerror")
# A term that leads to a look-up whose name needs no macro: asked together with the first one that is missing.
_TERM = re.compile(
    r"[+?~-]?(?P<mechanism>include|a|mx|redirect)(?:[:=](?P<name>[^\s/%]+))?(?:/[0-9/]*)?", re.IGNORECASE
)
_AHEAD: dict[str, RecordType] = {"include": "TXT", "redirect": "TXT", "mx": "MX"}


class SpfResult(NamedTuple):
    """Outcome of one check (RFC 7208 section 2.6). `domain` is the checked A-label name; empty when there was none."""

    result: str
    domain: str


class _NeedAnswer(Exception):
    """The evaluation cannot go on; the question is noted."""


def _no_network(*_: object) -> NoReturn:
    raise spf.TempError("this process asks no questions")


spf.DNSLookup = _no_network


class _Query(spf.query):
    """pyspf's evaluation with the answers of one message."""

    def __init__(self, envelope: Envelope, local_part: str, domain_name: str, asked: Asked) -> None:
        super().__init__(i=envelope.peer_ip, s=f"{local_part}@{domain_name}", h=envelope.helo)
        # As cut by us: a quoted local-part may hold an at sign.
        self.l, self.o, self.d = local_part, domain_name, domain_name
        self.t = str(int(envelope.received_at))
        self._asked = asked

    def dns(self, name: Any, qtype: RecordType, ignore_void: bool = False) -> list[Any]:
        """Records of one name; CNAMEs are already followed. Raises: _NeedAnswer, spf.TempError, spf.PermError."""
        absolute = _absolute(str(name))
        if absolute is None:
            return []
        answer = self._asked.answer(absolute, qtype)
        if answer is None:
            raise _NeedAnswer
        if answer.status == "temperror":
            raise spf.TempError("DNS")
        records = [record for text in answer.records if (record := _record(qtype, text)) is not None]
        self._look_ahead(absolute, qtype, records)
        if not records and not ignore_void:
            self.void_lookups += 1
            if self.void_lookups > limits.SPF_VOID_LOOKUPS:
                raise spf.PermError("void lookups")
        return records

    def _look_ahead(self, name: str, qtype: RecordType, records: list[Any]) -> None:
        """Note what the records will make us ask, so that one round brings it all."""
        hosts: list[tuple[str | None, RecordType]] = []
        if qtype == "MX" and len(records) <= limits.SPF_NAMES:
            hosts = [(_absolute(exchange), self.A) for _, exchange in records]
        elif qtype == "PTR":
            hosts = [(_absolute(host), self.A) for host in records[: limits.SPF_NAMES]]
        elif qtype == "TXT":
            policies = [strings[0] for strings in records if spf.RE_SPF.match(strings[0])]
            if len(policies) == 1:
                hosts = self._terms(name, policies[0].decode("latin-1"))
        for host, rtype in hosts:
            if host is not None:
                self._asked.hint(host, rtype)

    def _terms(self, name: str, policy: str) -> list[tuple[str | None, RecordType]]:
        addresses: RecordType = self.A
        terms = [match for term in policy.split(" ")[1:] if (match := _TERM.fullmatch(term)) is not None]
        return [
            (_absolute(term["name"] or name), _AHEAD.get(term["mechanism"].lower(), addresses))
            for term in terms[: max(0, limits.SPF_LOOKUPS - self.lookups)]
        ]

    def dns_spf(self, domain: str) -> str | None:
        """The record of a name, refused before evaluation when its cost would be its author's choice."""
        record: str | None = super().dns_spf(domain)
        if record is not None and (
            len(record) > limits.SPF_RECORD_CHARACTERS
            or any(len(term) > limits.SPF_TERM_CHARACTERS for term in record.split(" "))
        ):
            raise spf.PermError("record too long")
        return record

    def validated_ptrs(self) -> list[str]:
        """RFC 7208 section 5.5: a DNS error leaves the name out, it does not end the check."""
        try:
            names = self.dns_ptr(self.i)[: limits.SPF_NAMES]
        except spf.TempError:
            return []
        return [name for name in names if self._validated(name)]

    def _validated(self, name: str) -> bool:
        try:
            return bool(self.cidrmatch(self.dns_a(name, self.A), self.cidrmax))
        except spf.TempError:
            return False

    def get_explanation(self, _spec: str) -> None:
        """The text for the sender is never fetched: nobody would read it."""


def check(envelope: Envelope, asked: Asked) -> SpfResult | None:
    """The result; None when questions were noted that must be answered first.

    A message without a peer (manual ingestion) is `none`: its Received fields are only what its bearer says.
    """
    local_part, name = _identity(envelope)
    if envelope.peer_ip is None or name is None:
        return SpfResult("none", name or "")
    try:
        result = _Query(envelope, local_part, name, asked).check()[0]
    except _NeedAnswer:
        return None
    except Exception:  # noqa: BLE001  a record that breaks the evaluator cannot be interpreted (section 2.6.7)
        result = "permerror"
    return SpfResult(result if result in WORDS else "permerror", name)


def _identity(envelope: Envelope) -> tuple[str, str | None]:
    """Local-part and domain to check; the domain is None when it is no checkable name (section 4.3)."""
    if envelope.reverse_path in ("", "<>"):
        local_part, text = "", envelope.helo
    else:
        local_part, _, text = envelope.reverse_path.rpartition("@")
    name = a_label(text.removesuffix("."))
    if name is None or "." not in name or name.rpartition(".")[2].isdigit():
        return "", None
    return local_part or "postmaster", name


def _absolute(name: str) -> str | None:
    """A name that can be asked: printable ASCII in labels of legal length; None otherwise."""
    text = name.removesuffix(".").lower()
    if not text or len(text) > limits.DOMAIN_NAME_OCTETS or not text.isascii() or not text.isprintable():
        return None
    if "\\" in text:  # would be an escape in a name's text form
        return None
    if not all(0 < len(label) <= limits.DOMAIN_LABEL_OCTETS for label in text.split(".")):
        return None
    return text


def _record(qtype: RecordType, text: str) -> Any:
    """A record in pyspf's form; None when it is unreadable."""
    if qtype == "TXT":
        return (text.encode("latin-1", "replace"),)
    if qtype == "MX":
        preference, _, exchange = text.partition(" ")
        return (int(preference), exchange) if preference.isdigit() else None
    return text.lower()
