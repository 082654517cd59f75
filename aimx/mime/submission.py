"""A Draft to the octets of a message, as `aimx send` and its like hand it to the daemon.

Must never write a line that the draft did not mean, and the same draft always gives the same octets.
"""

from aimx.errors import Refused
from aimx.mime import parse, parts, write
from aimx.model.draft import Draft, DraftFile


def submission(draft: Draft) -> bytes:
    """The whole message with CRLF line ends, Bcc included: the daemon delivers to it and takes it out (O1).

    Raises:
        Refused: a value that cannot be written faithfully; the reason names the field.
    """
    values = [
        ("Date", write.date(draft.date)),
        ("From", write.addresses("From", [draft.from_])),
        ("Reply-To", write.addresses("Reply-To", draft.reply_to)),
        ("To", write.addresses("To", draft.to)),
        ("Cc", write.addresses("Cc", draft.cc)),
        ("Bcc", write.addresses("Bcc", draft.bcc)),
        ("Subject", write.unstructured("Subject", draft.subject)),
        ("Message-ID", write.msg_ids("Message-ID", [draft.message_id] if draft.message_id else [])),
        ("In-Reply-To", write.msg_ids("In-Reply-To", [draft.in_reply_to] if draft.in_reply_to else [])),
        ("References", write.msg_ids("References", draft.references)),
        ("MIME-Version", "1.0"),
    ]
    written = [(name, value) for name, value in values if value or name == "Subject"]
    head = b"".join(write.field(name, value) for name, value in written)
    if [name for name, _ in parse.entities(head)[0].fields] != [name.lower() for name, _ in written]:
        raise Refused("a header value would be read as another field")
    body = parts.text(draft.body, "plain")
    if draft.attachments:
        files = [_file(file) for file in draft.attachments]
        body = parts.multipart("mixed", [body, *files])
    return head + body.octets


def _file(file: DraftFile) -> parts.Part:
    if not parts.is_media_type(file.content_type):
        raise Refused(f"attachment {file.filename!r}: not a media type: {file.content_type!r}")
    return parts.file(parts.FileFields(file.content_type, file.filename), file.content)
