"""Messages that between them reach the code a worker might load late."""

from email.message import EmailMessage

PLAIN = b"From: a@sender.test\r\nTo: ops@agent.test\r\nSubject: plain\r\nMessage-ID: <1@x>\r\n\r\nHello.\r\n"


def _head(subject: str, *fields: str) -> bytes:
    lines = ["From: =?iso-2022-jp?B?GyRCRnxLXBsoQg==?= <a@sender.test>", f"Subject: {subject}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _multipart() -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "a@sender.test", "mixed"
    message["Date"] = "Tue, 15 Apr 2025 10:30:00 +0200"
    message.set_content("text")
    message.add_alternative("<p>An <a href='https://x.test/'>anchor</a>, a list<ul><li>1</ul></p>", subtype="html")
    message.add_attachment(b"\0\1\2", maintype="application", subtype="octet-stream", filename="dätä.bin")
    message.add_attachment("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", subtype="calendar", filename="x.ics")
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("inner")
    message.add_attachment(inner)
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


LATE = {
    "plain": PLAIN,
    "html": _head("html", "Content-Type: text/html; charset=utf-8") + b"<h1>x</h1><table><tr><td>&euro;1</table>\r\n",
    "japanese": _head("jp", "Content-Type: text/plain; charset=ISO-2022-JP") + b"\x1b$BF|K\\\x1b(B\r\n",
    "chinese": _head("cn", "Content-Type: text/plain; charset=GB18030") + "中文".encode("gb18030") + b"\r\n",
    "russian": _head("ru", "Content-Type: text/plain; charset=koi8-r") + "да".encode("koi8-r") + b"\r\n",
    "utf-7": _head("7", "Content-Type: text/plain; charset=utf-7") + b"+AGE-\r\n",
    "unknown charset": _head("?", "Content-Type: text/plain; charset=x-nonesuch") + b"\xff\r\n",
    "module as charset": _head("?", "Content-Type: text/plain; charset=zipimport") + b"\xff\r\n",
    "base64": _head("b", "Content-Type: text/plain", "Content-Transfer-Encoding: base64") + b"SGVsbG8=\r\n",
    "quoted-printable": _head("q", "Content-Type: text/plain", "Content-Transfer-Encoding: quoted-printable")
    + b"=C3=A4=\r\n",
    "uuencode": _head("u", "Content-Type: text/plain", "Content-Transfer-Encoding: x-uuencode")
    + b"begin 644 f\r\n#86)C\r\n`\r\nend\r\n",
    "multipart": _multipart(),
    "rfc2231": _head("r", "Content-Type: application/pdf; name*=utf-8''%C3%A4.pdf") + b"%PDF\r\n",
    "no header": b"\r\nbody\r\n",
    "broken date": _head("d", "Date: not a date", "Message-ID: <broken", "References: <a@b> <c@d>") + b"x\r\n",
    "idn": b"From: <a@b\xc3\xbccher.test>\r\nTo: x@xn--bcher-kva.test\r\n\r\nx\r\n",
    "signature": _head("s", "DKIM-Signature: v=1; a=rsa-sha256; d=sender.test; s=k; h=from; bh=AAAA; b=AAAA")
    + b"x\r\n",
    "ed25519": _head("s", "DKIM-Signature: v=1; a=ed25519-sha256; d=sender.test; s=k; h=from; bh=AA==; b=AA==")
    + b"x\r\n",
}
