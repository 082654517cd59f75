"""Port 25 without AIMX: against a verifier in another network, with whatever this machine has to try it."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.install.box import INSTALLER, PATIENCE_S, ROOT, SHELLS, published

HERE, THERE = "10.94.0.1", "10.94.0.2"
TOOLS = (
    "uname", "id", "awk", "sed", "tr", "cut", "od", "cat", "mkdir", "rm", "cp", "tty", "grep", "env", "sh", "kill",
    "curl",
)  # fmt: skip
# The other side: a mail server at port 25 that greets as it is told, and a verifier that connects back.
_VERIFIER = r"""
import json, socket, socketserver, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
here, greeting, answer = sys.argv[1:4]
class Mail(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(greeting.encode() + b"\r\n")
class Probe(BaseHTTPRequestHandler):
    def do_GET(self):
        said = answer
        if not said:
            try:
                with socket.create_connection((self.client_address[0], 25), 10) as sock, sock.makefile("rb") as lines:
                    first = lines.readline()
                    sock.sendall(b"EHLO verifier\r\n")
                    reached = first.startswith(b"220") and lines.readline().startswith(b"250")
                    sock.sendall(b"QUIT\r\n")
                    lines.read()
            except OSError:
                reached, first = False, b""
            said = json.dumps({"reachable": reached, "ip": self.client_address[0], "first": first.decode()})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(said.encode())
    def log_message(self, *_):
        pass
web = HTTPServer((here, 8025), Probe)
if greeting:
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    threading.Thread(target=socketserver.ThreadingTCPServer((here, 25), Mail).serve_forever, daemon=True).start()
print("ready", flush=True)
web.serve_forever()
"""

_OTHER = r"""
import socketserver, sys
class Mail(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(sys.argv[1].encode() + b"\r\n")
        while (line := self.rfile.readline()) and not line.startswith(b"QUIT"):
            self.wfile.write(b"250 yes\r\n")
socketserver.ThreadingTCPServer.allow_reuse_address = True
server = socketserver.ThreadingTCPServer(("0.0.0.0", 25), Mail)
print("ready", flush=True)
server.serve_forever()
"""


class Net:
    """Two networks with a cable between them; commands run on this side."""

    def __init__(self, stack: contextlib.ExitStack, path: Path, shell: str) -> None:
        self.stack, self.path, self.shell = stack, path, SHELLS[shell]
        self.tools = path / "tools"
        self.tools.mkdir()
        for tool in (*TOOLS, "python3", "bash"):
            self.give(tool)
        (path / "tmp").mkdir(mode=0o1777)
        (path / "tmp").chmod(0o1777)
        self.script = path / "install.sh"
        self.script.write_text(INSTALLER.read_text())
        self.env = {"PATH": str(self.tools), "TMPDIR": str(path / "tmp"), "AIMX_VERIFY_HOST": f"http://{THERE}:8025/"}
        self._here, self._there = self._namespace(), self._namespace()
        self._cable()

    def give(self, tool: str) -> None:
        found = sys.executable if tool == "python3" else shutil.which(tool)
        if found is None:
            pytest.skip(f"{tool} is not installed")
        (self.tools / tool).symlink_to(found)

    def take(self, *tools: str) -> None:
        for tool in tools:
            (self.tools / tool).unlink(missing_ok=True)

    def _namespace(self) -> int:
        process = self.stack.enter_context(
            subprocess.Popen(
                ["unshare", "-n", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        )
        self.stack.callback(process.kill)
        process.stdout.readline()
        return process.pid

    def _in(self, pid: int, *argv: str) -> list[str]:
        return ["nsenter", "-t", str(pid), "-n", *argv]

    def _cable(self) -> None:
        cable = f"ip link add here type veth peer name there netns {self._there} && ip addr add {HERE}/24 dev here"
        subprocess.run(
            self._in(self._here, "sh", "-c", f"{cable} && ip link set here up && ip link set lo up"), check=True
        )
        end = f"ip addr add {THERE}/24 dev there && ip link set there up && ip link set lo up"
        subprocess.run(self._in(self._there, "sh", "-c", end), check=True)

    def _serve(self, pid: int, code: str, *words: str) -> None:
        argv = self._in(pid, sys.executable, "-c", code, *words)
        process = self.stack.enter_context(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True))
        self.stack.callback(process.kill)
        assert process.stdout.readline() == "ready\n"

    def verifier(self, greeting: str = "220 verifier.example.test ESMTP", answer: str = "") -> None:
        self._serve(self._there, _VERIFIER, THERE, greeting, answer)

    def occupied(self, greeting: str) -> None:
        """Another mail server has the port here."""
        self._serve(self._here, _OTHER, greeting)

    def run(self, *words: str, user: int = 0, script: Path | None = None) -> tuple[int, str]:
        who = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        env = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in self.env.items())]
        shell = [shutil.which(self.shell[0]), *self.shell[1:]]
        argv = self._in(self._here, *who, *env, *shell, str(script or self.script), *words)
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=PATIENCE_S, start_new_session=True,
        )  # fmt: skip
        assert list((self.path / "tmp").iterdir()) == []
        return done.returncode, done.stdout

    def silent(self) -> bool:
        """Nothing listens on port 25 here any more, once what was told to end has ended."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            argv = self._in(self._here, "cat", "/proc/net/tcp", "/proc/net/tcp6")
            told = subprocess.run(argv, capture_output=True, text=True).stdout
            if not re.search(r":0019 [0-9A-F]+:[0-9A-F]+ 0A ", told):
                return True
        return False


@pytest.fixture
def net(shell):
    if shutil.which("ip") is None:
        pytest.skip("iproute2 is not installed")
    with tempfile.TemporaryDirectory(prefix="aimx-net.") as name, contextlib.ExitStack() as stack:
        Path(name).chmod(0o755)
        yield Net(stack, Path(name), shell)


CHECK = "--port-check-only"


def test_it_works_in_both_directions(net):
    net.verifier()
    status, said = net.run(CHECK)
    assert status == 0, said
    assert "[ok] outbound port 25\n[ok] inbound port 25\n[ok] Port 25 is ready for AIMX" in said
    assert net.silent()


def test_the_verifier_is_told_what_listens_here(net):
    net.verifier()
    net.take("curl")
    (net.tools / "curl").write_text(f'#!/bin/sh\n{shutil.which("curl")} "$@" | tee "{net.path}/answer"\n')
    (net.tools / "curl").chmod(0o755)
    net.give("tee")
    assert net.run(CHECK)[0] == 0
    assert json.loads((net.path / "answer").read_text())["first"] == "220 chkport25 ESMTP\r\n"


@pytest.mark.parametrize("tool", ["python3", "nc", "bash"])
@pytest.mark.parametrize("greeting", ["220 verifier.example.test", "554 no", ""], ids=["greets", "refuses", "closed"])
def test_mail_out_is_tried_with_what_is_here(net, tool, greeting):
    net.verifier(greeting)
    net.take(*({"python3", "bash"} - {tool}))
    if tool == "nc":
        busybox = shutil.which("busybox")
        if busybox is None:
            pytest.skip("busybox is not installed")
        (net.tools / "nc").symlink_to(busybox)
    status, said = net.run(CHECK)
    fine = greeting.startswith("220")
    assert ("[ok] outbound port 25" in said) == fine, said
    assert (f"[fail] outbound port 25: no mail server answers at {THERE}" in said) == (not fine)
    assert ("[skip] inbound port 25: python3 is needed" in said) == (tool != "python3")
    assert status == (0 if fine else 1)


def test_without_any_of_them_nothing_is_known(net):
    net.verifier()
    net.take("python3", "bash")
    status, said = net.run(CHECK)
    assert (status, said.count("[error]")) == (2, 1)
    assert "python3, nc or bash is needed to try outbound port 25" in said


def test_a_user_without_sudo_tries_mail_out(net):
    net.verifier()
    status, said = net.run(CHECK, user=4711)
    assert status == 0, said
    assert "[skip] inbound port 25: sudo is required" in said


ANSWERS = {
    "closed": ('{"reachable": false, "ip": "10.94.0.1"}', "the verifier does not get through"),
    "nonsense": ("<html>", "gave no answer that can be read"),
    "empty": ("{}", "gave no answer that can be read"),
}


@pytest.mark.parametrize(("answer", "said"), ANSWERS.values(), ids=ANSWERS)
def test_mail_in_does_not_work(net, answer, said):
    net.verifier(answer=answer)
    status, told = net.run(CHECK)
    assert status == 1, told
    assert "[fail] inbound port 25: " in told
    assert said in told
    assert "[error] Port 25 does not work yet" in told
    assert net.silent()


def test_nobody_answers_at_all(net):
    status, said = net.run(CHECK)
    assert status == 1, said
    assert "[fail] outbound" in said
    assert "[fail] inbound port 25: the verifier at" in said


@pytest.mark.parametrize(("greeting", "status"), [("220 other.example.test", 0), ("554 go away", 1)])
def test_what_has_the_port_is_tried_itself(net, greeting, status):
    net.verifier()
    net.occupied(greeting)
    found, said = net.run(CHECK)
    assert found == status, said
    assert "[warn] port 25 is in use here: what has it is going to be tried" in said


@pytest.mark.parametrize(
    "url", ["check.example.test", "ftp://check.example.test", "http://", "https://a b/", "http:///x"]
)
def test_a_verifier_that_is_no_url_is_refused(net, url):
    status, said = net.run(CHECK, "--verify-host", url)
    assert status == 2, said
    assert "--verify-host: a URL that begins with http:// or https:// is needed" in said


def test_the_flag_wins_over_the_environment(net):
    net.verifier()
    net.env["AIMX_VERIFY_HOST"] = "nonsense"
    status, said = net.run(CHECK, f"--verify-host=http://{THERE}:8025")
    assert status == 0, said


def test_neither_curl_nor_wget_is_a_clear_line(net):
    net.take("curl")
    status, said = net.run(CHECK)
    assert status == 2
    assert "curl or wget is needed to ask the verifier" in said


def test_wget_will_do(net):
    net.verifier()
    net.take("curl")
    net.give("wget")
    status, said = net.run(CHECK)
    assert status == 0, said


def test_the_alias_fetches_the_check_and_passes_options_on(net):
    net.verifier()
    alias = net.path / "portcheck.sh"
    alias.write_text(
        published((ROOT / "install" / "portcheck.sh").read_text(), None, INSTALLER_URL=net.script.as_uri())
    )
    del net.env["AIMX_VERIFY_HOST"]
    status, said = net.run("--verify-host", f"http://{THERE}:8025", script=alias)
    assert status == 0, said
    assert "[ok] inbound port 25" in said
    status, said = net.run("--verify-host", "nonsense", script=alias)
    assert status == 2, said


@pytest.mark.parametrize(
    "url", ["http://example.test/install.sh", "ftp://example.test/x", "install.sh", "http://127.0.0.1@example.test/"]
)
def test_the_alias_fetches_by_https_only(net, url):
    net.env["AIMX_INSTALL_URL"] = url
    status, said = net.run(script=ROOT / "install" / "portcheck.sh")
    assert status == 2
    assert f"[error] refusing non-HTTPS URL: {url}" in said


def test_the_alias_says_what_it_could_not_fetch(net):
    net.env["AIMX_INSTALL_URL"] = "file:///nowhere/install.sh"
    status, said = net.run(script=ROOT / "install" / "portcheck.sh")
    assert status == 2
    assert "the check could not be fetched: file:///nowhere/install.sh" in said
    net.take("curl")
    net.env["AIMX_INSTALL_URL"] = "http://127.0.0.1:9/install.sh"
    status, said = net.run(script=ROOT / "install" / "portcheck.sh")
    assert "curl or wget is needed to fetch the check" in said
    assert os.listdir(net.path / "tmp") == []
