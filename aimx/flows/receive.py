"""Receive one message: examine it once, store a copy per mailbox, promise its hooks, answer."""

import hashlib

import msgspec

from aimx import limits, log
from aimx.effects.api import Effects
from aimx.effects.payload import Payload
from aimx.errors import Failed
from aimx.flows import fire
from aimx.flows.examine import examine
from aimx.model.config import Config, Mailbox
from aimx.model.delivery import CommitPlan, Copy, HookJob, InSpool, Outcome, Placed
from aimx.model.envelope import Envelope
from aimx.model.hook import Thread
from aimx.model.message import Examined
from aimx.policy import firing, trust
from aimx.store import document, layout


async def accept(
    fx: Effects, config: Config, envelope: Envelope, payload: Payload, deduplicate: bool = True
) -> tuple[Outcome, ...]:
    """Store one message for every mailbox among its forward-paths and queue its hooks.

    Commits: all copies are on disk under their final names (or in the spool) and synced.
    Cancellation: shielded from the first write to the return.
    Raises: StorageFailed, Failed; with no copy left behind.
    """
    message = await examine(fx, envelope, payload)
    body = document.text(message)
    message = msgspec.structs.replace(message, body="")  # as text it may take four times as much
    rcpts = {path.mailbox: path.rcpt for path in reversed(envelope.forward_paths)}
    if removed := rcpts.keys() - config.mailboxes.keys():  # between RCPT and the end of DATA
        raise Failed("try again", detail=f"mailboxes removed meanwhile: {', '.join(sorted(removed))}")
    mailboxes = [config.mailboxes[name] for name in rcpts]
    copies = tuple(_copy(message, body, envelope, rcpts[mailbox.name], mailbox) for mailbox in mailboxes)
    key = repeat_key(envelope, payload.digest) if deduplicate else None
    outcomes = await fx.store.commit(CommitPlan(copies, envelope.received_at, key))
    for copy, outcome in zip(copies, outcomes, strict=True):
        _log(envelope, payload, outcome)
        _log_skips(copy, outcome)
    if any(copy.jobs for copy in copies):
        fx.store.wake_hooks()
    return outcomes


def _copy(message: Examined, body: bytes, envelope: Envelope, rcpt: str, mailbox: Mailbox) -> Copy:
    headers = message.headers
    verdict = trust.evaluate(mailbox, headers, message.auth)
    firings = firing.on_receive(mailbox, verdict.trusted, headers.automated)
    env = firing.mail_environment(headers) if firings.fire else {}
    conversation = firing.conversation(headers)
    return Copy(
        mailbox=mailbox.name,
        folder="inbox",
        owner=mailbox.owner,
        stem=layout.stem(envelope.received_at, headers.subject),
        document=document.head(message, envelope, rcpt, mailbox, verdict),
        files=document.files(message),
        jobs=tuple(HookJob(hook.name, mailbox.name, "on_receive", env, conversation) for hook in firings.fire),
        skips=firings.skips,
        summary=_summary(message, verdict.trusted),
        body=body,
        thread=Thread(firing.names(headers.message_id, headers.in_reply_to, headers.references.split())),
    )


def _summary(message: Examined, trusted: str) -> dict[str, str]:
    """What events and index rows show."""
    headers, auth, most = message.headers, message.auth, limits.SUMMARY_CHARACTERS
    return {
        "from": headers.from_[:most],
        "to": headers.to[:most],
        "subject": headers.subject[:most],
        "message_id": headers.message_id[:most],
        "in_reply_to": headers.in_reply_to[:most],
        "references": headers.references[-most:],
        "thread_id": headers.thread_id,
        "trusted": trusted,
        "dkim": auth.dkim,
        "spf": auth.spf,
        "dmarc": auth.dmarc,
        "automated": "true" if headers.automated else "",
    }


def unseen(fx: Effects, envelope: Envelope, digest: bytes) -> None:
    """The peer vanished after our 250 for these octets: its repeat will be a duplicate (R5)."""
    mailboxes = tuple(dict.fromkeys(path.mailbox for path in envelope.forward_paths))
    fx.store.note_unseen(repeat_key(envelope, digest), mailboxes)
    log.info("unseen", peer=envelope.peer_ip, mailboxes=",".join(mailboxes))


def repeat_key(envelope: Envelope, digest: bytes) -> bytes:
    """Same octets, same reverse-path, same peer (R5)."""
    identity = f"{envelope.peer_ip}\0{envelope.reverse_path}\0".encode("utf-8", "surrogateescape")
    return hashlib.sha256(digest + identity).digest()


def _log(envelope: Envelope, payload: Payload, outcome: Outcome) -> None:
    fields = {"mailbox": outcome.mailbox, "peer": envelope.peer_ip, "reverse_path": f"<{envelope.reverse_path}>"}
    if isinstance(outcome, Placed):
        log.info("received", **fields, id=outcome.id, size=payload.size)
    elif isinstance(outcome, InSpool):
        log.warning("received-to-spool", **fields, reason=outcome.reason)
    else:
        log.info("duplicate", **fields)


def _log_skips(copy: Copy, outcome: Outcome) -> None:
    """A hook that does not fire says so, for whoever waits for it."""
    if isinstance(outcome, Placed):
        for skip in copy.skips:
            fire.log_skip(skip.hook, "on_receive", copy.mailbox, outcome.id, skip.reason)
