"""Two agents write to each other through programs that call tools: sent, waited for, read, answered, marked."""

import json

import pytest


class Mcporter:
    """Calls by `mcporter`, which opens with the handshake of 2025."""

    name = "mcporter"

    def __init__(self, program) -> None:
        self.program = program

    def call(self, tool: str, **arguments):
        """What the tool gave, as an object."""
        words = [f"{key}={value}" for key, value in arguments.items()]
        server = " ".join(self.program.server)
        done = self.program.run("call", "--stdio", server, tool, *words, "--output", "json")
        assert done.returncode == 0, done
        return json.loads(done.stdout)


class Inspector:
    """Calls by the Inspector's command line, in an era."""

    def __init__(self, program, era: str) -> None:
        self.program = program
        server = {
            "type": "stdio", "command": program.server[0], "args": program.server[1:], "env": program.server_env,
            "protocolEra": era,
        }  # fmt: skip
        self.config = str(program.write("mcp.json", {"mcpServers": {"aimx": server}}))

    def call(self, tool: str, **arguments):
        """What the tool gave, as an object."""
        given = [word for key, value in arguments.items() for word in ("--tool-arg", f"{key}={value}")]
        words = ("--cli", "--config", self.config, "--server", "aimx", "--format", "json", "--method", "tools/call")
        done = self.program.run(*words, "--tool-name", tool, *given)
        assert done.returncode == 0, done
        return json.loads(done.stdout)["result"]["structuredContent"]


@pytest.fixture(params=["mcporter", "inspector-legacy", "inspector-modern"])
def caller(request, program):
    name, _, era = request.param.partition("-")
    return Inspector(program(name), era) if era else Mcporter(program(name))


def test_a_letter_and_its_answer(caller, request):
    subject = f"Lunch {request.node.callspec.id}"
    place = caller.call("email_wait", timeout_s=5)["next_since"]
    sent = caller.call("email_send", from_mailbox="ops", to="agent@agent.test", subject=subject, body="Where is lunch?")
    assert sent["to"] == "agent@agent.test"
    message_id = sent["message_id"].strip("<>")

    waited = caller.call("email_wait", mailbox="agent", since=place, subject=subject)
    (arrived,) = waited["emails"]
    assert arrived["subject"] == subject
    text = caller.call("email_read", mailbox="agent", id=arrived["id"])["text"]
    assert "Where is lunch?" in text
    assert f'message_id = "{message_id}"' in text

    caller.call("email_reply", mailbox="agent", id=arrived["id"], body="In the kitchen.")
    (answer,) = caller.call("email_wait", mailbox="ops", since=place, subject=subject)["emails"]
    assert answer["subject"] == f"Re: {subject}"
    text = caller.call("email_read", mailbox="ops", id=answer["id"])["text"]
    assert "In the kitchen." in text
    assert f'in_reply_to = "{message_id}"' in text

    assert caller.call("email_mark_read", mailbox="ops", id=answer["id"]) == {"id": answer["id"], "read": True}
    rows = caller.call("email_list", mailbox="ops")["result"]
    assert {row["id"]: row["read"] for row in rows}[answer["id"]] is True
