"""kill -9 at every step of creating and of deleting a hook over the socket: it is there whole or not at all, and whose
it is never changes hands."""

import json
import os
import tomllib

import pytest

from aimx.wire import codec
from aimx.wire.frames import HookCreate, HookDelete
from tests.faults.strace import NEEDED, inject
from tests.root import dropping, users
from tests.root.test_authorization import ASK

pytestmark = [NEEDED, pytest.mark.root]

STEPS = "fsync,rename,unlink"
MOST = 40  # more than either has
OK = b"AIMX/1 OK\n"
CREATE = HookCreate("alice", "on_receive", b'{"cmd": ["/bin/true"]}', "hers")
DELETE = HookDelete("hers")


@pytest.fixture(scope="module")
def people():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with users.users("a", "b") as made:
        yield made


@pytest.fixture
def daemon(people):
    owners = {"alice": people["a"].pw_name}
    with dropping.daemon(owners, people["b"].pw_name) as running:
        yield running


def ask(daemon, people, request) -> bytes:
    """What Alice is answered; nothing when the daemon dies first."""
    out = users.run(people["a"], ASK, daemon.socket, codec.encode_request(request).hex())
    try:
        return bytes.fromhex(out)
    except ValueError:
        return b""  # reset, or refused


def there(daemon) -> bool:
    """Whether config.toml has the hook; it is valid at every moment."""
    box = tomllib.loads((daemon.etc / "config.toml").read_text())["mailboxes"]["alice"]
    return [hook["name"] for hook in box.get("hooks", [])] == ["hers"]


def registered(daemon) -> list[dict[str, str]]:
    register = daemon.etc / "hook-origins.json"
    return json.loads(register.read_text())["mcp"] if register.exists() else []


def killed(daemon, people, trace, request, step) -> tuple[bool, bytes]:
    """The request, and the end of the daemon at its next step. Returns: whether there was such a step; the answer."""
    with inject(daemon.pid, trace, f"{STEPS}:signal=KILL:when={step}") as injection:
        answer = ask(daemon, people, request)
    daemon.kill()
    return injection.hit, answer


@pytest.mark.parametrize("request_", [CREATE, DELETE], ids=["create", "delete"])
def test_a_kill_at_any_step(daemon, people, tmp_path, request_):
    ends = []
    for step in range(1, MOST):
        if request_ is DELETE:
            assert ask(daemon, people, CREATE) == OK
        hit, answer = killed(daemon, people, tmp_path / "trace", request_, step)
        ends.append(there(daemon))
        assert answer != OK or there(daemon) == (request_ is CREATE)
        daemon.start()
        assert [entry["source"] for entry in registered(daemon)] == ([""] if there(daemon) else []), step
        if there(daemon):
            assert ask(daemon, people, DELETE) == OK, step  # it is hers
        assert not there(daemon)
        if not hit:
            break
    assert not hit
    assert len(ends) > 1, "nothing was injected"
    assert (ends[0], ends[-1]) == (request_ is DELETE, request_ is CREATE)


@pytest.mark.parametrize("call", ["rename:error=ENOSPC", "fsync:error=EIO", "write:error=ENOSPC"])
@pytest.mark.parametrize("request_", [CREATE, DELETE], ids=["create", "delete"])
def test_a_failing_call_changes_nothing_that_was_promised(daemon, people, tmp_path, request_, call):
    """Whatever is left when a call fails, an owner's hook stays his, and a refused one is not there."""
    for number in range(1, 12):
        if request_ is DELETE and not there(daemon):
            assert ask(daemon, people, CREATE) == OK
        with inject(daemon.pid, tmp_path / "trace", f"{call}:when={number}") as injection:
            answer = ask(daemon, people, request_)
        if answer == OK:
            assert there(daemon) == (request_ is CREATE)
        if there(daemon):
            again = ask(daemon, people, DELETE)
            if again != OK:  # the directory could not be synced: it stands in the file and is not in force
                assert answer != OK
                daemon.stop()
                daemon.start()
                again = ask(daemon, people, DELETE)
            assert again == OK
        if not injection.hit:
            assert number > 1, "nothing was injected"
            return
    pytest.fail("the call never stopped happening")
