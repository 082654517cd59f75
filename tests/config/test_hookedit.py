"""One hook more, one less: the file says exactly that, and every other line is where it was."""

import tomllib

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from aimx.config import hookedit, load, naming
from aimx.errors import ConfigInvalid
from aimx.model.config import Hook

HOOK = Hook("new", "on_receive", ("/bin/echo", 'q"\\\n\t\x07\x7fü\u2028'), timeout_secs=5)
BLOCK = """[[mailboxes.x.hooks]]
name = "new"
event = "on_receive"
cmd = ["/bin/true"]
"""
PLAIN = Hook("new", "on_receive", ("/bin/true",))
BOX = '[mailboxes.x]\naddress = "x@a.test"\nowner = "o"\n'
OTHER = '[mailboxes.y]\naddress = "y@a.test"\nowner = "o"\n'
HOOKS = """# about a
[[mailboxes.x.hooks]] # A
name = "a"
event = "on_receive"
# inside
cmd = ["/a",
  "b"]
# below a

# about b
[[mailboxes.x.hooks]]
name = "b"
event = "on_receive"
cmd = ["/b"]
"""
ABOVE_B, _, HOOK_B = HOOKS.partition("# about b\n")
TOP = 'domain = "a.test"\n'

ADDED = {
    "the first": (f"{TOP}{BOX}\n{OTHER}", f"{TOP}{BOX}\n{BLOCK}\n{OTHER}"),
    "no empty line before the next table": (f"{TOP}{BOX}{OTHER}", f"{TOP}{BOX}\n{BLOCK}\n{OTHER}"),
    "at the end": (f"{TOP}{BOX}", f"{TOP}{BOX}\n{BLOCK}"),
    "no line end at the end": (f"{TOP}{BOX}".rstrip("\n"), f"{TOP}{BOX}\n{BLOCK}"),
    "a comment below stays below": (f"{TOP}{BOX}# end of x\n\n{OTHER}", f"{TOP}{BOX}# end of x\n\n{BLOCK}\n{OTHER}"),
    "a comment of the next table stays with it": (
        f"{TOP}{BOX}# about y\n{OTHER}",
        f"{TOP}{BOX}\n{BLOCK}\n# about y\n{OTHER}",
    ),
    "after the others": (f"{TOP}{BOX}\n{HOOKS}\n# y\n{OTHER}", f"{TOP}{BOX}\n{HOOKS}\n{BLOCK}\n# y\n{OTHER}"),
    "another table in between": (
        f"{TOP}{BOX}\n[upgrade]\n{OTHER}",
        f"{TOP}{BOX}\n{BLOCK}\n[upgrade]\n{OTHER}",
    ),
    "an array by hand": (
        f'{TOP}{BOX}hooks = [\n  {{ name = "a", event = "on_receive", cmd = ["/a"] }}, # first\n] # end\n{OTHER}',
        f'{TOP}{BOX}hooks = [\n  {{ name = "a", event = "on_receive", cmd = ["/a"] }}, # first\n'
        f'  {{name = "new", event = "on_receive", cmd = ["/bin/true"]}},\n] # end\n{OTHER}',
    ),
    "an empty array": (
        f"{TOP}{BOX}hooks = []\n",
        f'{TOP}{BOX}hooks = [{{name = "new", event = "on_receive", cmd = ["/bin/true"]}}]\n',
    ),
    "a mailbox on one line": (
        f'{TOP}[mailboxes]\nx = {{address = "x@a.test", owner = "o"}}\n',
        f'{TOP}[mailboxes]\nx = {{address = "x@a.test", owner = "o", '
        'hooks = [{name = "new", event = "on_receive", cmd = ["/bin/true"]}]}\n',
    ),
}


@pytest.mark.parametrize(("before", "after"), ADDED.values(), ids=ADDED)
def test_a_hook_is_added_after_the_others_of_its_mailbox(before, after):
    assert hookedit.added(before, "x", PLAIN) == after


@pytest.mark.parametrize(("before", "after"), ADDED.values(), ids=ADDED)
def test_with_the_line_ends_of_the_file(before, after):
    assert hookedit.added(before.replace("\n", "\r\n"), "x", PLAIN).replace("\r\n", "\n") == after
    if "[[" in after:
        assert hookedit.added(before.replace("\n", "\r\n"), "x", PLAIN) == after.replace("\n", "\r\n")


GONE = ("at the end", "the first", "after the others", "a comment below stays below", "another table in between")


@pytest.mark.parametrize("name", GONE)
def test_adding_and_removing_leaves_the_file_as_it_was(name):
    before = ADDED[name][0]
    assert hookedit.removed(hookedit.added(before, "x", HOOK), "x", "new") == before


REMOVED = {
    "the first of two": (
        "a",
        f"{TOP}{BOX}\n{HOOKS}\n# y\n{OTHER}",
        f"{TOP}{BOX}\n# about a\n# below a\n\n# about b\n{HOOK_B}\n# y\n{OTHER}",
    ),
    "the last of two": (
        "b",
        f"{TOP}{BOX}\n{HOOKS}\n# y\n{OTHER}",
        f"{TOP}{BOX}\n{ABOVE_B}# about b\n\n# y\n{OTHER}",
    ),
    "an array by hand": (
        "a",
        f'{TOP}{BOX}hooks = [\n  {{ name = "a", event = "on_receive", cmd = ["/a"] }}, # first\n  # second\n'
        '  { name = "b", event = "on_receive", cmd = ["/b"] }\n]\n',
        f'{TOP}{BOX}hooks = [\n  # second\n  {{ name = "b", event = "on_receive", cmd = ["/b"] }}\n]\n',
    ),
    "the only one of an array": (
        "a",
        f'{TOP}{BOX}hooks = [{{ name = "a", event = "on_receive", cmd = ["/a"] }}]\n{OTHER}',
        f"{TOP}{BOX}{OTHER}",
    ),
    "a derived name": (
        naming.derived("after_send", ("/z",), False),
        f'{TOP}{BOX}\n[[mailboxes.x.hooks]]\nevent = "after_send"\ncmd = ["/z"]\n\n{OTHER}',
        f"{TOP}{BOX}\n{OTHER}",
    ),
    "text that looks like a table": (
        "a",
        f"{TOP}{BOX}\n[[mailboxes.x.hooks]]\nname = 'a'\nevent = 'on_receive'\n"
        f"cmd = ['/a', '''\n[[mailboxes.x.hooks]]\nname = 'a'\n''']\n\n{OTHER}",
        f"{TOP}{BOX}\n{OTHER}",
    ),
}


@pytest.mark.parametrize(("name", "before", "after"), REMOVED.values(), ids=REMOVED)
def test_a_hook_is_removed_and_the_comments_around_it_stay(name, before, after):
    assert hookedit.removed(before, "x", name) == after


def test_a_file_that_cannot_be_edited_line_by_line_is_refused_whole():
    dotted = f'{TOP}[mailboxes]\nx.address = "x@a.test"\nx.owner = "o"\ny.address = "y@a.test"\ny.owner = "o"\n'
    with pytest.raises(ConfigInvalid, match="edit it by hand"):
        hookedit.added(dotted, "x", HOOK)


def test_a_quoted_mailbox_name_stays_one():
    before = f'{TOP}[mailboxes."a \\"b\\""]\naddress = "x@a.test"\nowner = "o"\n'
    after = hookedit.added(before, 'a "b"', HOOK)
    assert tomllib.loads(after)["mailboxes"]['a "b"']["hooks"][0]["name"] == "new"


@settings(max_examples=40)
@given(
    cmd=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), max_size=4),
    base=st.sampled_from([before for before, _ in ADDED.values()]),
    untrusted=st.booleans(),
    seconds=st.integers(1, 600),
)
def test_whatever_a_hook_holds_is_read_back_as_it_was(cmd, base, untrusted, seconds):
    hook = Hook("new", "on_receive", ("/bin/x", *cmd), untrusted, seconds)
    after = hookedit.added(base, "x", hook)
    assert load.parse(after.encode(), "x", None).mailboxes["x"].hooks[-1] == hook
    assert tomllib.loads(hookedit.removed(after, "x", "new")).keys() == tomllib.loads(base).keys()


def test_an_edit_by_text_gives_the_text():
    before, after = ADDED["another table in between"]
    document = tomlkit.parse(before)
    text = hookedit.by_text(lambda file: hookedit.added(file.text, "x", PLAIN, file.document))(document)
    assert text == after


def test_what_is_no_hook_is_passed_over():
    text = f"{TOP}mailboxes = {{x = {{hooks = [{{cmd = 1}}, 2]}}, y = 3, z = {{hooks = 4}}}}\n"
    assert hookedit.hooks(text) == ()
    assert hookedit.owner(text, "y") is None
