"""The recipe in Codex's bundle lets it answer mail. A stand-in for the model asks for one call of a tool."""

import http.server
import json
import re
import threading

import pytest

from aimx.integrations import registry
from tests.docs.pages import ROOT

LETTER = {"from_mailbox": "agent", "to": "nobody@else.example", "subject": "s", "body": "b"}
PROVIDER = """model = "none"
model_provider = "stand_in"
[model_providers.stand_in]
name = "stand-in"
base_url = "http://127.0.0.1:{port}/v1"
wire_api = "responses"
[mcp_servers.aimx]
command = {command}
args = {args}
env = {env}
startup_timeout_sec = 100
"""


class Model(http.server.BaseHTTPRequestHandler):
    """Asks for the call; once that was answered it has nothing more to say (Responses API, server-sent events)."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answers = [item for item in asked["input"] if item.get("type") == "function_call_output"]
        self.server.answers += answers
        call = {
            "type": "function_call", "id": "f", "call_id": "c", "namespace": "mcp__aimx", "name": "email_send",
            "arguments": json.dumps(LETTER),
        }  # fmt: skip
        end = {"type": "message", "role": "assistant", "id": "m", "content": [{"type": "output_text", "text": "done"}]}
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in (
            {"type": "response.created", "response": {"id": "r"}},
            {"type": "response.output_item.done", "item": end if answers else call},
            {"type": "response.completed", "response": {"id": "r", "usage": usage}},
        ):
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

    def log_message(self, *_):
        """Nothing; what counts is in the answers."""


@pytest.fixture
def model():
    """Its server, which keeps what tools answered."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        server.answers = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_it_may_send(program, model):
    codex = program("codex")
    command, *args = codex.server
    pairs = ", ".join(f"{name} = {json.dumps(value)}" for name, value in codex.server_env.items())
    config = PROVIDER.format(
        port=model.server_port, command=json.dumps(command), args=json.dumps(args), env=f"{{ {pairs} }}"
    )
    (codex.home / ".codex").mkdir()
    (codex.home / ".codex/config.toml").write_text(config)
    header = (ROOT / "agents" / registry.find("codex").name / "header.md").read_text()
    (argv,) = re.findall(r"^```json\n(.*?)\n```$", header, re.MULTILINE)
    done = codex.run(*json.loads(argv)[1:], said="+++\n+++\nmail\n")
    answers = json.dumps(model.answers)
    assert "email_send" in done.stderr and "requires approval" not in answers, done.stderr
    assert "TEMP" in answers or "DELIVERY" in answers or "message_id" in answers, answers
