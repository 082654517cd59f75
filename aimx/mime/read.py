"""A raw message to an Examined value (without authentication).

Pure, total and linear: no octets make it raise, recurse or look at them more than a bounded number of times.
"""

from aimx.mime import attachments, body, fields, parse
from aimx.model.authres import NOTHING_VERIFIED
from aimx.model.envelope import Envelope
from aimx.model.message import Examined


def read_message(octets: bytes, envelope: Envelope) -> Examined:
    """Parse one message."""
    entities = parse.entities(octets)
    root = entities[0]
    headers = fields.headers(root.fields, root.malformed, envelope)
    selection = body.select(octets, entities)
    text, shortened = body.render(octets, selection.shown)
    files = attachments.collect(octets, selection.attached + shortened)
    return Examined(headers, text, files, NOTHING_VERIFIED, len(octets))
