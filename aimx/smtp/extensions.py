"""What a server announces after EHLO (RFC 5321 section 4.1.1.1), and what that forbids."""

import msgspec

from aimx.smtp.parser import Reply

_DIGITS = 20  # RFC 1870 section 4


class Extensions(msgspec.Struct, frozen=True):
    """`size` None: SIZE was not announced; 0: it was, without a maximum."""

    size: int | None = None
    starttls: bool = False
    pipelining: bool = False
    eight_bit: bool = False
    smtputf8: bool = False

    def forbids(self, size_octets: int, eight_bit: bool, smtputf8: bool) -> str:
        """Why this server cannot be given such a message; empty when it can."""
        if self.size and size_octets > self.size:
            return f"5.3.4 the server takes messages of at most {self.size} octets"
        if eight_bit and not self.eight_bit:
            return "5.6.3 the server takes no 8-bit messages"
        if smtputf8 and not self.smtputf8:
            return "5.6.7 the server takes no headers or senders outside ASCII"
        return ""


def extensions(reply: Reply) -> Extensions:
    """Of the reply to EHLO; its first line is a greeting."""
    words = {parts[0].upper(): parts[1:] for line in reply.lines[1:] if (parts := line.split())}
    size: int | None = None
    if "SIZE" in words:
        maximum = words["SIZE"][0] if words["SIZE"] else "0"
        size = int(maximum) if maximum.isascii() and maximum.isdigit() and len(maximum) <= _DIGITS else 0
    return Extensions(
        size, "STARTTLS" in words, "PIPELINING" in words, "8BITMIME" in words,
        "SMTPUTF8" in words and "8BITMIME" in words,
    )  # fmt: skip
