"""Mailboxes added to and taken out of config.toml, however it is written: the rest stays, or nothing changes."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimx.config import change, edit
from aimx.errors import ConfigInvalid, MailboxNotFound, MailboxTaken

TOP = '# first\ndomain = "agent.test"   # ours\n'
OPS = '\n# about ops\n[mailboxes.ops]  # it\naddress = "ops@agent.test"\nowner = "o"\n'
HOOK = '\n[[mailboxes.ops.hooks]]\n# why\nevent = "on_receive"\ncmd = ["/bin/true"]\n'
SHAPES = {
    "none": TOP,
    "one": TOP + OPS,
    "hooks": TOP + OPS + HOOK + HOOK.replace("true", "false"),
    "crlf": (TOP + OPS + HOOK).replace("\n", "\r\n"),
    "no-last-line-end": (TOP + OPS).rstrip("\n"),
    "header-only": TOP + "[mailboxes]\n" + OPS,
    "apart": TOP + OPS + "\n[upgrade]  # between\n" + OPS.replace("ops", "dev") + HOOK.replace("ops", "dev"),
    "inline": TOP + 'mailboxes = { ops = { address = "ops@agent.test", owner = "o" } }\n',
    "inline-inside": TOP + '[mailboxes]\nops = { address = "ops@agent.test", owner = "o" }  # short\n',
    "dotted": TOP + 'mailboxes.ops.address = "ops@agent.test"\nmailboxes.ops.owner = "o"\n',
    "quoted": TOP + OPS.replace("mailboxes.ops", 'mailboxes."o.p s"'),
    "comments-after": TOP + OPS + "# the end\n\n# of it\n",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config.toml"


def comments(text: str) -> list[str]:
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


def attempt(path, what) -> bool:
    """Whether it was done; refused, it left the file alone."""
    before = path.read_bytes()
    try:
        edit.transact(path, None, what)
    except ConfigInvalid as error:
        assert "edit it by hand" in error.reason
        assert path.read_bytes() == before
        return False
    return True


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_a_mailbox_comes_and_goes_and_leaves_the_rest_alone(path, text):
    path.write_bytes(text.encode())
    before = tomllib.loads(text)
    done = attempt(path, change.add_mailbox("new", "new@agent.test", "n"))
    assert done or text in (SHAPES["inline"], SHAPES["dotted"])
    if not done:
        return
    found = tomllib.loads(path.read_text())
    assert found["mailboxes"].pop("new") == {"address": "new@agent.test", "owner": "n"}
    assert found == {"mailboxes": {}, **before}
    assert comments(path.read_text()) == comments(text)
    assert attempt(path, change.remove_mailbox("new"))
    assert {"mailboxes": {}, **tomllib.loads(path.read_text())} == {"mailboxes": {}, **before}
    assert comments(path.read_text()) == comments(text)


@pytest.mark.parametrize("text", [text for text in SHAPES.values() if "ops@" in text], ids=str.__len__)
def test_a_mailbox_goes_with_its_hooks(path, text):
    path.write_bytes(text.encode())
    name = "o.p s" if "o.p s" in text else "ops"
    wanted = tomllib.loads(text)
    del wanted["mailboxes"][name]
    if attempt(path, change.remove_mailbox(name)):
        assert {"mailboxes": {}, **tomllib.loads(path.read_text())} == {"mailboxes": {}, **wanted}


TAKEN = {
    "name": ("ops", "ops@agent.test", "mailbox 'ops' already exists"),
    "address": ("other", "OPS@agent.test", "OPS@agent.test is the address of mailbox 'ops' already"),
}


@pytest.mark.parametrize(("name", "address", "why"), TAKEN.values(), ids=TAKEN)
def test_what_is_taken_on_disk_is_taken(path, name, address, why):
    path.write_text(TOP + OPS)
    with pytest.raises(MailboxTaken, match=why):
        edit.transact(path, None, change.add_mailbox(name, address, "n"))
    assert path.read_text() == TOP + OPS


def test_what_is_not_there_does_not_go(path):
    path.write_text(TOP)
    with pytest.raises(MailboxNotFound, match=r"^mailbox-not-found: ops$"):
        edit.transact(path, None, change.remove_mailbox("ops"))


NAMES = st.lists(st.from_regex(r"[a-z0-9_-][a-z0-9._-]{0,8}", fullmatch=True), min_size=1, max_size=6, unique=True)


@settings(max_examples=15, deadline=None)
@given(names=NAMES, gone=st.data())
def test_whatever_comes_and_goes_the_file_says_what_is_left(tmp_path_factory, names, gone):
    path = tmp_path_factory.mktemp("some") / "config.toml"
    path.write_text(TOP + OPS + HOOK)
    left = {"ops"}
    for name in names:
        if name == "ops":
            continue
        edit.transact(path, None, change.add_mailbox(name, f"{name}@agent.test", "n"))
        left.add(name)
        if gone.draw(st.booleans()):
            out = gone.draw(st.sampled_from(sorted(left)))
            edit.transact(path, None, change.remove_mailbox(out))
            left.discard(out)
            if not left:
                break
    assert set(tomllib.loads(path.read_text()).get("mailboxes", {})) == left
