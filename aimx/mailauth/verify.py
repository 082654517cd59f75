"""All three verifications of one message: the results, or the DNS questions still open."""

from collections.abc import Mapping

from aimx.model.authres import NOTHING_VERIFIED, AuthResults
from aimx.model.dns import Answer, Question
from aimx.model.envelope import Envelope
from aimx.model.message import Headers


def verify(
    octets: bytes, envelope: Envelope, headers: Headers, answers: Mapping[Question, Answer], final: bool
) -> AuthResults | tuple[Question, ...]:
    """Authenticate one message from what is known of the DNS.

    Args:
        final: no more rounds; what is still unanswered counts as a temporary error.

    Returns:
        The results, or every question that can be asked now (never empty).
    """
    del octets, headers
    domain = envelope.reverse_path.rpartition("@")[2]
    question = Question(domain or "invalid", "TXT")
    if question not in answers and not final:
        return (question,)
    return NOTHING_VERIFIED
