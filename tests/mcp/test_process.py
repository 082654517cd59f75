"""The program itself: nothing but the protocol on standard output, an answer to every line, an end without noise."""

import array
import fcntl
import os
import signal
import subprocess
import sys
import termios
import time

import pytest

from tests.mcp.peer import INITIALIZE, PATIENCE_S, Peer, encoded, environment

START = "aimx daemon not running. Start with 'sudo systemctl start aimx'"
# Prints from Python and from below it, and warns, in the middle of a call.
NOISY = """
import os, subprocess, sys, warnings
from aimx.mcp import mailboxes, table
from aimx.mcp.tool import rows

async def noisy(call, arguments):
    print("printed")
    sys.stdout.flush()
    os.write(1, b"written\\n")
    subprocess.run(["echo", "a child's"])
    warnings.warn("warned")
    return rows([{"read": sys.stdin.read()}])

table.TOOLS = (mailboxes.TOOLS[0]._replace(run=noisy),)
from aimx.mcp import server
server.serve(core=True)
"""


GREETING = (
    encoded({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": INITIALIZE})
    + b'\n{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
)


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    return environment(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def peer(env):
    """One process that many tests talk to, as one agent would."""
    with Peer(env) as made:
        made.greet()
        yield made
        assert made.end() == 0
        assert (made.errors, made.rest()) == (b"", [])


def test_who_it_is(env):
    with Peer(env) as peer:
        answer = peer.greet()["result"]
        assert answer["serverInfo"]["name"] == "aimx"
        assert answer["protocolVersion"] == "2025-06-18"
        lines = answer["instructions"].splitlines()
        assert lines[0].startswith("aimx email server. Manage mailboxes and emails for AI agents")
        assert 5 <= len(lines) <= 10
        assert peer.end() == 0
        assert (peer.errors, peer.rest()) == (b"", [])


@pytest.mark.parametrize("version", ["2024-11-05", "2025-11-25"])
def test_older_versions_of_the_protocol_are_spoken(env, version):
    with Peer(env) as peer:
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
        assert peer.ask("initialize", **params)["result"]["protocolVersion"] == version


def test_what_anybody_prints_goes_to_standard_error(env):
    with Peer(env, argv=(sys.executable, "-W", "always", "-c", NOISY)) as peer:
        peer.greet()
        answer = peer.call("mailbox_list")
        assert answer["result"]["structuredContent"] == {"result": [{"read": ""}]}, "nor does anybody read its input"
        assert peer.end() == 0
        assert peer.rest() == []
        for what in (b"printed\n", b"written\n", b"a child's\n", b"warned"):
            assert what in peer.errors


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        (b"{bad", -32700, "Parse error: not JSON"),
        (b"\xff\xfe", -32700, "Parse error: not JSON"),
        (b"[" * 100_000, -32700, "Parse error: not JSON"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"\\ud800"}}', -32700, "Parse error: not JSON"),
        (b"[]", -32600, "Invalid Request: "),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600, "Invalid Request: "),
        (b"5", -32600, "Invalid Request: "),
        (b"null", -32600, "Invalid Request: "),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600, "Invalid Request: "),
        (b'{"jsonrpc":"2.0","id":1}', -32600, "Invalid Request: "),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', -32600, "Invalid Request: "),
        *((b'{"jsonrpc":"2.0","id":%b,"method":"ping"}' % number, -32600, "Invalid Request: an id is")
          for number in (b"1.5", b"true", b"null", b"[1]", b"{}")),
        (b'{"jsonrpc":"2.0","id":%b,"method":"ping"}' % (b"9" * 5000), -32700, "Parse error: not JSON"),
        (b"x" * (64 * 2**20 + 1), -32600, "longer than 67108864 bytes"),
    ],
    ids=["broken", "octets", "deep", "surrogate", "empty-batch", "batch", "number", "null", "version", "nothing",
         "positional", "fraction-id", "boolean-id", "null-id", "array-id", "object-id", "long-id", "endless"],
)  # fmt: skip
def test_a_line_that_is_no_message_is_told_so_and_the_next_one_is_served(peer, line, code, message):
    peer.say(b"\n \n" + line)
    answer = peer.hear()
    assert (answer["id"], answer["error"]["code"]) == (None, code)
    assert answer["error"]["message"].startswith(message)
    assert peer.ask("ping")["result"] == {}


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("foo/bar", {}, -32601),
        ("tools/call", {"name": 5}, -32602),
        ("tools/call", {}, -32602),
        ("tools/call", {"name": "email_list", "arguments": []}, -32602),
        ("tools/call", {"name": "no_such_tool", "arguments": {}}, -32602),
        ("tools/call", {"name": "email_list", "arguments": {}}, -32602),
    ],
    ids=["method", "name", "nothing", "array", "tool", "missing"],
)
def test_requests_that_are_none_are_protocol_errors(peer, method, params, code):
    assert peer.ask(method, **params)["error"]["code"] == code
    assert peer.call("mailbox_list")["result"]["content"][0]["text"] == START


IDLE = (
    *(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%b}}' % number
      for number in (b"99", b'"x"', b"[1]", b"{}", b"null", b"1.5")),
    b'{"jsonrpc":"2.0","method":"notifications/cancelled"}',
    b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":[],"progress":"x"}}',
    b'{"jsonrpc":"2.0","method":"notifications/nothing-known"}',
    b'{"jsonrpc":"2.0","id":99,"result":{}}',
    b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}',
)  # fmt: skip


def test_what_wants_no_answer_gets_none_and_ends_nothing(env):
    with Peer(env) as peer:
        peer.greet()
        for line in IDLE:
            peer.say(line)
            assert peer.ask("ping")["result"] == {}, line
        assert peer.end() == 0
        assert peer.rest() == []
        assert b"Traceback" not in peer.errors


def test_answers_to_one_id_twice_are_two(peer):
    line = encoded(peer.request("tools/call", name="mailbox_list", arguments={}))
    peer.say(line + b"\n" + line)
    assert peer.hear() == peer.hear()


@pytest.mark.parametrize("last", [b"\n", b""], ids=["ended", "open"])
def test_what_was_asked_before_the_end_of_input_is_answered(env, last):
    with Peer(env) as peer:
        peer.greet()
        lines = [encoded(peer.request("tools/call", name="mailbox_list", arguments={})) for _ in range(20)]
        assert peer.process.stdin is not None
        peer.process.stdin.write(b"\n".join(lines) + last)
        assert peer.end() == 0
        assert [answer["id"] for answer in peer.rest()] == list(range(2, 22))


def test_requests_from_a_file_are_answered(env, tmp_path):
    call = b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"mailbox_list","arguments":{}}}'
    (tmp_path / "asked").write_bytes(GREETING + call)
    with (tmp_path / "asked").open("rb") as asked:
        argv = [sys.executable, "-m", "aimx.cli.main", "mcp"]
        done = subprocess.run(argv, env=env, stdin=asked, capture_output=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == 2
    assert START.encode() in done.stdout


def test_a_large_letter_goes_through_both_pipes(post):
    """25 MiB are refused by the daemon and not by what comes before it."""
    with Peer(environment(post.run)) as peer:
        peer.greet()
        letter = {"from_mailbox": "ops", "to": "a@b.test", "subject": "s", "text_only": True}
        answer = peer.call("email_send", **letter, body="é" * (13 * 2**20))
        assert answer["result"]["isError"]
        assert "and 25.0 MiB is the most that can be sent" in answer["result"]["content"][0]["text"]
        assert peer.call("mailbox_list")["result"]["isError"] is False


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_a_wait_that_is_cancelled_is_never_answered(post, era):
    with Peer(environment(post.run)) as peer:
        if era == "legacy":
            peer.greet()
        wait = peer.request("tools/call", era, name="email_wait", arguments={"timeout_s": 5})
        peer.say(encoded(wait))
        peer.say(b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}' % wait["id"])
        assert peer.call("mailbox_list", era)["result"]["isError"] is False
        assert (peer.end(), peer.errors) == (0, b"")
        assert peer.rest() == []


@pytest.mark.parametrize("number", [0, 2**63, -1, 10**300, "", "é" * 100_000])
def test_an_id_comes_back_as_it_was(peer, number):
    peer.say(encoded({"jsonrpc": "2.0", "id": number, "method": "ping"}))
    assert peer.hear() == {"jsonrpc": "2.0", "id": number, "result": {}}


def test_before_the_handshake_only_a_ping_is_answered(env):
    with Peer(env) as peer:
        assert peer.call("mailbox_list")["error"]["code"] == -32602
        assert peer.ask("ping")["result"] == {}
        assert "result" in peer.greet()
        assert peer.call("mailbox_list")["result"]["content"][0]["text"] == START


def _half_full(pipe) -> bool:
    held = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, held)
    return held[0] >= 2**15


def test_a_client_that_does_not_read_can_end_it(env):
    deaf = subprocess.Popen([sys.executable, "-m", "aimx.cli.main", "mcp"], env=env, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)  # fmt: skip
    with deaf:
        deaf.stdin.write(GREETING + b'{"jsonrpc":"2.0","id":2,"method":"tools/list"}\n' * 20)
        deaf.stdin.flush()
        while not _half_full(deaf.stdout):
            assert deaf.poll() is None
            time.sleep(0.01)
        deaf.send_signal(signal.SIGTERM)
        assert deaf.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_at_once_and_without_a_traceback(env, number, code):
    with Peer(env) as peer:
        peer.greet()
        peer.process.send_signal(number)
        assert peer.wait() == code
        assert b"Traceback" not in peer.errors


def test_a_client_that_stops_listening_ends_it_without_noise(env):
    read, write = os.pipe()
    with open(write, "wb", buffering=0) as ours:
        argv = [sys.executable, "-m", "aimx.cli.main", "mcp"]
        deaf = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=ours, stderr=subprocess.PIPE)
    os.close(read)
    assert deaf.stdin is not None
    deaf.stdin.write(GREETING)
    deaf.stdin.flush()
    assert deaf.wait(PATIENCE_S) == 0
    assert deaf.communicate(timeout=PATIENCE_S)[1] == b""


@pytest.mark.parametrize("closed", ["<&-", ">&-"], ids=["input", "output"])
def test_without_pipes_it_says_what_it_needs(env, closed):
    command = f"exec {sys.executable} -m aimx.cli.main mcp {closed}"
    done = subprocess.run(["sh", "-c", command], env=env, capture_output=True, timeout=PATIENCE_S, text=True)
    assert done.returncode == 1
    assert "aimx mcp talks to an agent over standard input and output, and one of them is closed" in done.stderr


def test_standard_error_may_be_closed(env):
    command = f"exec {sys.executable} -m aimx.cli.main mcp 2>&-"
    done = subprocess.run(
        ["sh", "-c", command], env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stdout) == (0, b"")
