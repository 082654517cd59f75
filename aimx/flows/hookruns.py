"""What became of hooks: their runs, why one fires or not, and a run that somebody wants to see now."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec
import trio

from aimx import limits
from aimx.effects import reach
from aimx.effects.accounts import Account
from aimx.effects.api import Effects
from aimx.effects.runs import Trial
from aimx.errors import EmailNotFound, Refused
from aimx.flows import target
from aimx.mime import addresses, dates, frontmatter, sample
from aimx.model.config import Config, Hook, Mailbox
from aimx.model.delivery import Folder
from aimx.model.hook import BudgetAsked, HookRun, RunsAsked, State, Thread, Written
from aimx.model.query import Piece
from aimx.policy import firing, gates
from aimx.policy.authorize import Action, Anyone, Authorized
from aimx.policy.gates import Gate, Message
from aimx.wire.frames import HookExplain, HookRuns, HookTest, Response

T = TypeVar("T")
_READING = trio.CapacityLimiter(limits.HOOK_THREADS)
_REACHING = trio.CapacityLimiter(limits.HOOK_REACH_THREADS)


class Told(msgspec.Struct, frozen=True):
    """One run as HOOK-RUNS tells it."""

    run: int
    hook: str
    mailbox: str
    event: str
    email_id: str
    state: State
    test: bool
    created: str
    started: str | None
    ended: str | None
    exit_code: int | None
    timed_out: bool | None
    duration_ms: int | None
    stderr_tail: str | None
    reason: str | None
    cpu_ms: int | None
    peak_octets: int | None


def _told(run: HookRun) -> Told:
    fields = msgspec.structs.asdict(run)
    for name in ("created", "started", "ended"):
        fields[name] = dates.utc(fields[name]) if fields[name] is not None else None
    return Told(**fields)


# HOOK-RUNS


async def runs_action(fx: Effects, config: Config, frame: HookRuns) -> Action:
    """A mailbox that is named has to be one's own; without one, everybody sees what ran as themselves."""
    return await target.action(fx, config, frame.mailbox) if frame.mailbox is not None else Anyone()


async def runs(fx: Effects, config: Config, frame: HookRuns, authorized: Authorized) -> Response:
    """HOOK-RUNS: the newest first. Of a mailbox that had another owner before, only what ran for this one."""
    caller = authorized.caller
    if frame.mailbox is not None:
        names: tuple[str, ...] | None = (target.mailbox(authorized, frame.mailbox).name,)
    elif caller.is_root:
        names = None
    else:
        names = tuple(mailbox.name for mailbox in await target.visible(fx, config, caller))
    limit = min(frame.limit if frame.limit is not None else limits.HOOK_RUNS_ROWS, limits.HOOK_RUNS_ROWS_MAX)
    asked = RunsAsked(names, frame.hook, frame.id, None if caller.is_root else caller.uid, limit)
    found = await target.desk(fx).runs.newest(asked)
    return Response("json", body=msgspec.json.encode([_told(run) for run in found]))


# HOOK-EXPLAIN


class Explained(msgspec.Struct, frozen=True):
    """The answer of HOOK-EXPLAIN: what would happen now, gate by gate, and what has happened."""

    hook: str
    mailbox: str
    event: str
    origin: str
    email_id: str
    folder: Folder
    fires: bool
    gates: tuple[Gate, ...]
    runs: tuple[Told, ...]


async def of_hook(fx: Effects, config: Config, frame: HookExplain | HookTest) -> Action:
    """A hook is its mailbox's owner's."""
    return await target.hook(fx, config, frame.hook)


async def explain(fx: Effects, config: Config, frame: HookExplain, authorized: Authorized) -> Response:
    """HOOK-EXPLAIN. Raises: EmailNotFound when neither the inbox nor the sent folder has the message."""
    mailbox, hook = target.the_hook(authorized)
    account = await target.look(fx.accounts.find, mailbox.owner)
    if account is None:
        folder, passed = _folders(hook)[0], gates.without_owner(mailbox)
    else:
        message = await _message(fx, mailbox, hook, frame.id)
        asked = await _asked(fx, config, authorized, account, (message, frame.id))
        folder = message.folder
        passed = (
            gates.event(hook, message),
            gates.trust(hook, mailbox, message, _author(message)),
            gates.automated(hook, message),
            await _budget(fx, config, asked),
            gates.owner(mailbox, account.uid),
            *await _places(config, mailbox, hook, (account, fx.executor.name == "systemd-run")),
        )
    uid = None if authorized.caller.is_root else authorized.caller.uid
    found = await target.desk(fx).runs.newest(
        RunsAsked((mailbox.name,), hook.name, frame.id, uid, limits.HOOK_RUNS_ROWS)
    )
    explained = Explained(
        hook.name, mailbox.name, hook.event, await _origin(fx, config, mailbox, hook), frame.id, folder,
        all(gate.passes is not False for gate in passed), passed, tuple(map(_told, found)),
    )  # fmt: skip
    return Response("json", body=msgspec.json.encode(explained))


async def _origin(fx: Effects, config: Config, mailbox: Mailbox, hook: Hook) -> str:
    written = Written(mailbox.name, hook.name, hook.event, hook.cmd)
    return await trio.to_thread.run_sync(target.desk(fx).origins.of, written, config.source)


def _folders(hook: Hook) -> tuple[Folder, Folder]:
    """The folder that a hook's event is about, and the other one."""
    return ("inbox", "sent") if hook.event == "on_receive" else ("sent", "inbox")


async def _message(fx: Effects, mailbox: Mailbox, hook: Hook, email_id: str) -> Message:
    """The message in the folder that the hook's event is about, else in the other one. Raises: EmailNotFound."""
    for folder in _folders(hook):
        try:
            piece = await _piece(fx, mailbox, folder, email_id)
        except EmailNotFound:
            continue
        return Message(folder, await _fields(piece))
    raise EmailNotFound(f"email '{email_id}' not found in {mailbox.name}")


async def _piece(fx: Effects, mailbox: Mailbox, folder: Folder, email_id: str) -> Piece:
    box = target.box(mailbox)
    return await target.desk(fx).mails.read(box, folder, email_id, 0, limits.READ_PIECE_OCTETS)


async def _fields(piece: Piece) -> dict[str, object]:
    """The front matter, as far as it can be read; in a thread, because an owner may have made it long to read."""

    def read() -> dict[str, object]:
        try:
            return frontmatter.read(piece.text.encode())[0]
        except Refused:
            return {}

    return await trio.to_thread.run_sync(read, limiter=_READING)


def _author(message: Message) -> str:
    """The addr-spec of From; empty when there is not exactly one."""
    found = addresses.read(message.text("from")).mailboxes
    return found[0].addr_spec if len(found) == 1 else ""


async def _asked(
    fx: Effects, config: Config, authorized: Authorized, account: Account, of: tuple[Message, str]
) -> BudgetAsked:
    """What the budget of a message counts: as it was recorded, else as what its front matter names gives it."""
    mailbox, hook = target.the_hook(authorized)
    message, email_id = of
    since, most = fx.now() - limits.HOOK_BUDGET_WINDOW_S, config.hook_thread_budget
    known = target.desk(fx).runs
    recorded = await known.recorded(hook.name, mailbox.name, hook.event, email_id, account.uid)
    if recorded is not None:
        return BudgetAsked(hook.name, mailbox.name, recorded.conversation, Thread(), "", since, most)
    thread, new = gates.thread(hook, message), gates.conversation(hook, message)
    return BudgetAsked(hook.name, mailbox.name, "", thread, new, since, most)


async def _budget(fx: Effects, config: Config, asked: BudgetAsked) -> Gate:
    found = await target.desk(fx).runs.budget(asked)
    frees = dates.utc(found.freed + limits.HOOK_BUDGET_WINDOW_S) if found.freed is not None else ""
    return gates.budget(config.hook_thread_budget, found, frees)


async def _places(config: Config, mailbox: Mailbox, hook: Hook, look: tuple[Account, bool]) -> list[Gate]:
    """What lies in the file system. An owner may have put it where looking takes for ever."""
    account, sandboxed = look
    directory, program = str(config.data_dir / "inbox" / mailbox.name), hook.cmd[0]

    def raises() -> bool:
        return sandboxed and reach.without_privileges(program, account)

    entered = await _reached(partial(reach.directory_obstacle, directory, account))
    reached = await _reached(partial(reach.program_obstacle, program, account, sandboxed))
    privileged = reached == "" and bool(await _reached(raises))
    return [gates.place("directory", directory, entered), gates.place("program", program, reached, privileged)]


async def _reached(look: Callable[[], T]) -> T | None:
    """What is found, in time."""
    with trio.move_on_after(limits.HOOK_REACH_S):
        return await trio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=_REACHING)
    return None


# HOOK-TEST


async def test(fx: Effects, _config: Config, frame: HookTest, authorized: Authorized) -> Response:
    """HOOK-TEST: whatever the gates say, run it now, as its owner.

    Raises: Refused when nobody's account can run it; EmailNotFound; ResourcesExhausted.
    """
    mailbox, hook = target.the_hook(authorized)
    account = await target.look(fx.accounts.find, mailbox.owner)
    problem = firing.owner_problem(mailbox.owner, account.uid if account is not None else None)
    if account is None or problem is not None:
        raise Refused(f"hook '{hook.name}' cannot run: {problem}")
    if frame.id is None:
        trial = _sample(fx, mailbox, hook, account)
    else:
        trial = await _trial(fx, mailbox, hook, account, frame.id)
    tried = await target.desk(fx).runs.try_out(trial)
    told = {"hook": hook.name, "mailbox": mailbox.name, "email_id": trial.email_id, **msgspec.structs.asdict(tried)}
    return Response("json", body=msgspec.json.encode(told))


def _sample(fx: Effects, mailbox: Mailbox, hook: Hook, account: Account) -> Trial:
    at = fx.now()
    env, document = sample.environment(mailbox, hook, at), sample.document(mailbox, hook, at)
    folder = _folders(hook)[0]
    return Trial(mailbox, hook, account, folder, sample.ID, sample.PATH, env, document)


async def _trial(fx: Effects, mailbox: Mailbox, hook: Hook, account: Account, email_id: str) -> Trial:
    """For a message: with the variables that were recorded for its hooks, else those that its front matter gives."""
    folder = _folders(hook)[0]
    piece = await _piece(fx, mailbox, folder, email_id)
    known = target.desk(fx).runs
    recorded = await known.recorded(hook.name, mailbox.name, hook.event, email_id, account.uid)
    env = recorded.env if recorded is not None else gates.environment(Message(folder, await _fields(piece)), hook)
    return Trial(mailbox, hook, account, folder, email_id, piece.path, env)
