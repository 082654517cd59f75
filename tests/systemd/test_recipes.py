"""Every recipe of book/hook-recipes.md under systemd, as it stands there: its program gets the mail and does its work.

The programs are stand-ins that write down what they get. `tests/hooks/test_recipes.py` looks closer, without systemd.
"""

import json
import shlex
from pathlib import Path

import pytest

from tests.harness import DOMAIN, mail
from tests.hooks.test_recipes import RECIPES, agents
from tests.systemd.host import AIMX

OWNER = "alice"
RECORDS = "/home/alice/records"
SUBJECT = "$(touch /tmp/pwned) `id` \"; ' %h ${HOME}"
RECORDER = f"""#!/usr/bin/python3
import json, os, sys
file = f"{RECORDS}/{{os.environ['AIMX_HOOK_NAME']}}.{{os.getpid()}}"
told = {{"argv": sys.argv, "env": dict(os.environ), "cwd": os.getcwd(), "stdin": sys.stdin.read()}}
with open(file, "w") as out:
    json.dump(told, out)
"""
MAILBOXES = sorted({recipe.mailbox for recipe in RECIPES} - {OWNER})


@pytest.fixture(scope="module")
def kitchen(host):
    """All recipes, of one owner; a mail to each mailbox, and mails from those whose recipes wait for what is sent."""
    boxes = "".join(f'[mailboxes.{name}]\naddress = "{name}@{DOMAIN}"\nowner = "{OWNER}"\n' for name in MAILBOXES)
    host.aimx("dkim-keygen", "--force")
    host.configure_with(boxes)
    for name in {*(name for recipe in RECIPES for name in agents(recipe)), "ntfy"}:
        host.machine.write(f"/usr/local/bin/{name}", RECORDER, 0o755)
    host.machine.write("/usr/bin/curl", RECORDER, 0o755)
    host.machine.run("mkdir", RECORDS, user=OWNER)
    for recipe in RECIPES:
        anyone = ["--fire-on-untrusted"] * (recipe.event == "on_receive" and "--fire-on-untrusted" not in recipe.words)
        host.aimx(*recipe.words, *anyone, user=OWNER)
    for name in sorted({recipe.mailbox for recipe in RECIPES if recipe.event == "on_receive"}):
        host.send(name, mail(SUBJECT))
    for recipe in RECIPES:
        if recipe.event == "after_send":
            to = "boss@customer-co.com" if recipe.mailbox == "marketing" else f"nobody@{DOMAIN}"
            send = ["send", "--from", f"{recipe.mailbox}@{DOMAIN}", "--to", to, "--subject", SUBJECT, "--body", "b"]
            said = host.machine.run(AIMX, *send, user=OWNER, check=False)  # it fails: there is no network
            assert "not authorized" not in said, said
    host.until(lambda: all(host.runs(recipe.name) for recipe in RECIPES), "all began")
    host.until(lambda: all(run["ended"] for recipe in RECIPES for run in host.runs(recipe.name)), "all ended")
    yield host
    host.machine.run("rm", "-r", "/usr/bin/curl", RECORDS)
    host.configure()


def told(host, recipe):
    (file,) = host.machine.file(RECORDS).glob(f"{recipe.name}.*")
    return json.loads(file.read_text())


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_recipe_ends_well_in_the_sandbox(kitchen, recipe):
    (run,) = kitchen.runs(recipe.name)
    assert (run["exit_code"], run["reason"], run["stderr_tail"]) == (0, None, ""), run
    assert "sandbox=systemd-run" in kitchen.line_of(recipe.name)
    assert not kitchen.machine.file("/tmp/pwned").exists()


STARTING = [recipe for recipe in RECIPES if agents(recipe)]


@pytest.mark.parametrize("recipe", STARTING, ids=lambda recipe: recipe.name)
def test_an_agent_gets_its_words_and_the_mail(kitchen, recipe):
    found = told(kitchen, recipe)
    words = recipe.cmd if recipe.cmd[0] != "/bin/sh" else shlex.split(recipe.cmd[2].partition(" >>")[0])
    start = next(number for number, word in enumerate(words) if word.startswith("/usr/local/bin/"))
    assert found["argv"] == words[start:]
    env = found["env"]
    assert env["AIMX_SUBJECT"] == SUBJECT
    assert found["stdin"] == kitchen.machine.file(env["AIMX_FILEPATH"]).read_text()
    assert Path(found["cwd"]) == Path("/var/lib/aimx/inbox") / recipe.mailbox


def test_the_log_of_what_was_sent_is_written(kitchen):
    (recipe,) = [recipe for recipe in RECIPES if recipe.name == "alice_audit"]
    text = kitchen.machine.file("/var/log/aimx/alice-sent.log").read_text()
    assert text == f"failed nobody@{DOMAIN} {SUBJECT} {recipe.name}\n"
