"""Two agents that answer each other for ever, each with `aimx send` from its hook: it comes to an end (U5)."""

import shlex
import tempfile
from pathlib import Path

import pytest

from aimx.demo import program
from tests.harness import DOMAIN, Daemon, mail
from tests.hooks.test_pool import rows, until
from tests.mailauth import signing

pytestmark = pytest.mark.root
BUDGET = 2
ANSWER = '--reply-to "$AIMX_MESSAGE_ID"'
STYLES = {"answers": (ANSWER, "false"), "threads": ("", "false"), "polite": (ANSWER, "true")}


def agent(name, owner, aimx, style):
    """A mailbox whose hook answers whoever writes."""
    options, skip = STYLES[style]
    send = f'{aimx} send --from {name}@{DOMAIN} --to "$AIMX_FROM" --subject "Re: $AIMX_SUBJECT" --body Again {options}'
    return (
        f'[mailboxes.{name}]\naddress = "{name}@{DOMAIN}"\nowner = "{owner}"\n'
        f'[[mailboxes.{name}.hooks]]\nname = "{name}"\nevent = "on_receive"\nfire_on_untrusted = true\n'
        f"skip_automated = {skip}\ncmd = ['/bin/sh', '-c', '''{send}''']\n"
    )


@pytest.fixture(scope="module")
def daemon(people):
    """A pair of agents for each style of answering."""
    with tempfile.TemporaryDirectory(prefix="aimx-loops-") as directory:
        tree = Path(directory)
        tree.chmod(0o755)
        aimx = tree / "aimx"
        start = shlex.join(program.argv(tree, others=True))
        aimx.write_text(f'#!/bin/sh\nAIMX_RUNTIME_DIR={tree / "run"} exec {start} "$@"\n')
        aimx.chmod(0o755)
        agents = "".join(
            agent(f"{name}-{style}", people[who].pw_name, aimx, style)
            for style in STYLES
            for name, who in (("ping", "alice"), ("pong", "bob"))
        )
        made = Daemon(tree, f'domain = "{DOMAIN}"\nhook_thread_budget = {BUDGET}\n{agents}')
        signing.install(made.etc)
        with made:
            for style in STYLES:
                names = {"From": f"pong-{style}@{DOMAIN}", "Message-ID": f"<{style}@first.test>"}
                made.send(mail("Hello", **names), f"ping-{style}@{DOMAIN}")
            yield made


def runs(daemon, style):
    """What became of the hooks of both, in order."""
    found = rows(daemon, "hook, state, reason, exit_code")
    return [(hook, *rest) for hook, *rest in found if hook.endswith(style)]


def ended(daemon, style):
    found = runs(daemon, style)
    states = [state for _, state, *_ in found]
    return "skipped" in states and not {"pending", "started"} & {*states}


@pytest.mark.parametrize("style", ["answers", "threads"])
def test_it_ends_when_the_budget_is_used_up(daemon, style):
    until(lambda: ended(daemon, style), lambda: runs(daemon, style))
    ping, pong = (f"{name}-{style}" for name in ("ping", "pong"))
    assert runs(daemon, style) == [
        *[(hook, "done", None, 0) for _ in range(BUDGET) for hook in (ping, pong)],
        (ping, "skipped", "thread-budget", None),
    ]
    assert [path.parent.name for path in (*daemon.messages(ping), *daemon.messages(pong))] == [
        *[ping] * (BUDGET + 1), *[pong] * BUDGET,
    ]  # fmt: skip
    assert all("\nautomated = true\n" in path.read_text() for path in daemon.messages(pong))
    assert any(f"hook_name={ping} " in line and "reason=thread-budget" in line for line in daemon.log)


def test_a_hook_that_leaves_out_automated_mail_ends_it_at_once(daemon):
    until(lambda: ended(daemon, "polite"), lambda: runs(daemon, "polite"))
    assert runs(daemon, "polite") == [("ping-polite", "done", None, 0), ("pong-polite", "skipped", "automated", None)]
