"""The one table of verbs: what authorizes each, and which flow it runs."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aimx import log
from aimx.effects.api import Effects
from aimx.errors import AimxError, Refused, UnknownVerb
from aimx.flows import hookruns, hooks, ingest, mailboxes, mails, query, reindex, send, status, watch
from aimx.flows.answer import Answer, refusal
from aimx.model.caller import Caller
from aimx.model.config import Config
from aimx.policy import authorize
from aimx.policy.authorize import Action, Anyone, Authorized, System
from aimx.wire import frames
from aimx.wire.frames import Request, Response

Ask = Callable[[Effects, Config, Any], Awaitable[Action]]
Run = Callable[[Effects, Config, Any, Authorized], Awaitable[Response | Answer]]


class Verb(NamedTuple):
    """One row. `action`: what the caller has to be allowed to do, or how that is found out from the frame.

    The flow gets the action as it was authorized. `attended`: it is of use only to who waits for the answer.
    """

    action: Action | Ask
    run: Run
    attended: bool = False


VERBS: dict[type[Request], Verb] = {
    frames.Version: Verb(Anyone(), query.version),
    frames.Ingest: Verb(System(), ingest.by_request),
    frames.Send: Verb(send.action, send.send),
    frames.Status: Verb(Anyone(), status.status),
    frames.Watch: Verb(watch.action, watch.watch),
    frames.MarkRead: Verb(mails.of_mailbox, mails.mark_read),
    frames.MarkUnread: Verb(mails.of_mailbox, mails.mark_unread),
    frames.EmailRead: Verb(mails.of_mailbox, mails.read),
    frames.AttachmentRead: Verb(mails.of_mailbox, mails.attachment),
    frames.EmailList: Verb(mails.of_mailboxes, mails.list_),
    frames.EmailSearch: Verb(mails.of_mailboxes, mails.search),
    frames.Thread: Verb(mails.of_mailbox, mails.thread),
    frames.MailboxList: Verb(Anyone(), mailboxes.list_),
    frames.MailboxShow: Verb(mailboxes.show_action, mailboxes.show),
    frames.MailboxCreate: Verb(mailboxes.create_action, mailboxes.create),
    frames.MailboxDelete: Verb(mailboxes.delete_action, mailboxes.delete),
    frames.HookCreate: Verb(hooks.creating, hooks.create),
    frames.HookDelete: Verb(hooks.deleting, hooks.delete),
    frames.HookList: Verb(Anyone(), hooks.list_),
    frames.HookRuns: Verb(hookruns.runs_action, hookruns.runs),
    frames.HookExplain: Verb(hookruns.of_hook, hookruns.explain),
    frames.HookTest: Verb(hookruns.of_hook, hookruns.test, attended=True),
    frames.Reindex: Verb(System(), reindex.reindex),
}


def admit(kind: type[Request], caller: Caller) -> None:
    """Refuse what no body can change, once the headers are there. Raises: UnknownVerb, NotAuthorized."""
    verb = _row(kind)
    if not callable(verb.action):
        _authorize(kind, caller, verb.action)


def attended(kind: type[Request]) -> bool:
    """Whether a request is given up when who asked has left."""
    return kind in VERBS and VERBS[kind].attended


async def dispatch(fx: Effects, config: Config, request: Request, caller: Caller) -> Answer:
    """Authorize and run one request. Every AimxError becomes its row's error frame."""
    try:
        verb = _row(type(request))
        action = await verb.action(fx, config, request) if callable(verb.action) else verb.action
        authorized = _authorize(type(request), caller, action)
        if authorized.root_bypass:
            log.info(
                "root-bypass",
                verb=frames.BY_FRAME[type(request)].verb,
                caller_uid=caller.uid,
                mailbox=authorize.target(action),
            )
        answer = await verb.run(fx, config, request, authorized)
    except AimxError as error:
        return Answer(refusal(error))
    return answer if isinstance(answer, Answer) else Answer(answer)


def _row(kind: type[Request]) -> Verb:
    """The one place that knows which verbs of the protocol this daemon serves."""
    verb = VERBS.get(kind)
    if verb is None:
        raise UnknownVerb(f"unknown verb '{frames.BY_FRAME[kind].verb}'")
    return verb


def _authorize(kind: type[Request], caller: Caller, action: Action) -> Authorized:
    try:
        return authorize.authorize(caller, action)
    except Refused as error:
        log.warning("not-authorized", verb=frames.BY_FRAME[kind].verb, caller_uid=caller.uid, why=error.detail)
        raise
