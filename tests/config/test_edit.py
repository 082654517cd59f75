"""Edits of config.toml: everything else survives byte for byte, and a failure changes nothing."""

import os
import resource
import stat
import tempfile
import threading
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from aimx.config import edit, load
from aimx.errors import ConfigInvalid, StorageFailed

RICH = """\
# Top comment, with trailing blanks   \n\
domain   =   "agent.test"      # aligned by hand
trusted_senders = [
    "*@a.test",   # partner
    "boss@b.test",
]
colour_scheme = 'dark'   # unknown to aimx

\t# indented comment
[mailboxes.ops]   # the first
owner = "ops"
address = 'ops@agent.test'

[[mailboxes.ops.hooks]]
event = "on_receive"
cmd = [ "/bin/sh", "-c", '''
echo "kept as it is"
''' ]


[mailboxes."Other Box"]
address = "other@agent.test"; owner = "x"
# last line without line end""".replace('"other@agent.test"; owner = "x"', '"other@agent.test"\nowner = "x"')


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(RICH)
    return file


def _add(name):
    def change(document):
        table = tomlkit.table()
        table["address"] = f"{name}@agent.test"
        table["owner"] = "newcomer"
        document["mailboxes"][name] = table

    return change


@pytest.mark.parametrize("text", [RICH, RICH.replace("\n", "\r\n"), RICH + "\n\n\n"], ids=["lf", "crlf", "blank-end"])
def test_everything_but_the_edit_survives_byte_for_byte(path, text):
    path.write_bytes(text.encode())

    def change(document):
        document["mailboxes"]["ops"]["owner"] = "root"

    octets, config = edit.transact(path, None, change)
    assert path.read_bytes() == octets == text.replace('owner = "ops"', 'owner = "root"').encode()
    assert config.mailboxes["ops"].owner == "root"


def test_a_new_mailbox_leaves_every_old_line_in_place(path):
    edit.transact(path, None, _add("new"))
    text = path.read_text()
    assert [line for line in text.splitlines() if line in RICH.splitlines()] == RICH.splitlines()
    assert load.load(path, None).mailboxes["new"].owner == "newcomer"


def test_the_edit_merges_into_what_is_on_disk_now(path):
    edit.transact(path, None, _add("one"))
    path.write_text(path.read_text() + '\n# by hand\n[mailboxes.hand]\naddress = "hand@agent.test"\nowner = "h"\n')
    edit.transact(path, None, _add("two"))
    assert {"one", "hand", "two"} <= set(load.load(path, None).mailboxes)
    assert "# by hand" in path.read_text()


def test_threads_lose_nothing(path):
    """Every fifth of 50 changes is none that would be valid."""
    errors, refused = [], []
    comments = [line for line in path.read_text().splitlines() if "#" in line]

    def work(number):
        try:
            edit.transact(path, None, _add(f"box{number}" if number % 5 else f"bad/{number}"))
        except ConfigInvalid:
            refused.append(number)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert sorted(refused) == list(range(0, 50, 5))
    added = {name for name in load.load(path, None).mailboxes if name.startswith(("box", "bad"))}
    assert added == {f"box{number}" for number in range(50) if number % 5}
    assert comments
    assert [line for line in path.read_text().splitlines() if "#" in line] == comments
    assert os.listdir(path.parent) == ["config.toml"]


def test_somebody_saving_meanwhile_is_merged(path):
    saved = []

    def change(document):
        if not saved:
            saved.append(True)
            path.write_text(RICH + '\n[mailboxes.late]\naddress = "late@agent.test"\nowner = "l"\n')
        _add("new")(document)

    _, config = edit.transact(path, None, change)
    assert {"late", "new"} <= set(config.mailboxes)


def test_a_file_that_never_rests_is_an_error(path):
    def change(document):
        path.write_text(path.read_text() + "\n#")
        _add("new")(document)

    with pytest.raises(StorageFailed, match="keeps changing"):
        edit.transact(path, None, change)
    assert os.listdir(path.parent) == ["config.toml"]


def _unchanged(path: Path, before: os.stat_result, text: str = RICH) -> None:
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_mode) == (before.st_ino, before.st_mtime_ns, before.st_mode)
    assert path.read_text() == text
    assert os.listdir(path.parent) == ["config.toml"]


def test_an_edit_that_would_not_validate_changes_nothing(path):
    before = path.stat()

    def change(document):
        document["trust"] = "everybody"

    with pytest.raises(ConfigInvalid, match="invalid top-level trust value 'everybody'"):
        edit.transact(path, None, change)
    _unchanged(path, before)


def test_an_edit_that_raises_changes_nothing(path):
    before = path.stat()

    def change(document):
        del document["domain"]
        raise LookupError("no such hook")

    with pytest.raises(LookupError):
        edit.transact(path, None, change)
    _unchanged(path, before)


def test_a_broken_file_is_left_to_its_editor(path):
    path.write_text("domain = \n")
    before = path.stat()
    with pytest.raises(ConfigInvalid, match="is not valid TOML"):
        edit.transact(path, None, _add("new"))
    _unchanged(path, before, "domain = \n")


def test_a_full_disk_changes_nothing(path):
    before = path.stat()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(StorageFailed, match="cannot be written: File too large"):
            edit.transact(path, None, _add("new"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    _unchanged(path, before)


def test_the_mode_becomes_0640_whatever_it_was(path):
    path.chmod(0o644)
    old = os.umask(0o077)
    try:
        edit.transact(path, None, _add("new"))
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.root
def test_the_owner_stays(path):
    os.chown(path, 12345, 23456)
    edit.transact(path, None, _add("new"))
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


def test_a_link_stays_and_its_target_is_replaced(path, tmp_path):
    real = tmp_path / "managed"
    real.mkdir()
    target = real / "aimx.toml"
    path.rename(target)
    path.symlink_to("managed/aimx.toml")
    edit.transact(path, None, _add("new"))
    assert path.is_symlink()
    assert "new" in load.load(target, None).mailboxes
    assert os.listdir(real) == ["aimx.toml"]


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ConfigInvalid, match="Config file not found"):
        edit.transact(tmp_path / "config.toml", None, _add("new"))
    assert os.listdir(tmp_path) == []


SCATTERED = """\
domain = "agent.test"
# first
[mailboxes.a]
address = "a@agent.test"
owner = "x"
# between
[upgrade]
release_manifest_url = "https://a.test/"  # upgrade
[mailboxes.b]  # second
address = "b@agent.test"
owner = "y"
[[mailboxes.a.hooks]]
event = "on_receive"
cmd = ["/bin/true"]
"""


def _change_owner(document):
    document["mailboxes"]["a"]["owner"] = "root"


def _delete(document):
    del document["mailboxes"]["b"]


def _add_hook(document):
    hook = tomlkit.table()
    hook["event"] = "on_receive"
    hook["cmd"] = ["/bin/false"]
    document["mailboxes"]["b"].setdefault("hooks", tomlkit.aot()).append(hook)


TABLES = {
    "add": (_add("new"), {"a", "b", "new"}, []),
    "change": (_change_owner, {"a", "b"}, ['owner = "x"']),
    "delete": (_delete, {"a"}, ["[mailboxes.b]  # second", 'address = "b@agent.test"', 'owner = "y"']),
    "add-hook": (_add_hook, {"a", "b"}, []),
}


@pytest.mark.parametrize(("change", "names", "gone"), TABLES.values(), ids=TABLES)
def test_tables_out_of_order_lose_only_what_the_edit_takes(path, change, names, gone):
    path.write_text(SCATTERED)
    octets, config = edit.transact(path, None, change)
    assert set(config.mailboxes) == names
    left = octets.decode().splitlines()
    assert [line for line in SCATTERED.splitlines() if line not in left] == gone


NOISE = st.lists(
    st.sampled_from(["", "  ", "\t", "# comment", "   # indented ü", '"quoted key" = 1', "far_away = 1979-05-27", "#"]),
    unique=True,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(NOISE, NOISE.map(lambda lines: [line for line in lines if "=" not in line]), st.sampled_from(["\n", "\r\n"]))
def test_whatever_stands_around_it_only_the_value_changes(top, below, end):
    lines = [
        'domain = "agent.test"',
        *top,
        "[mailboxes.ops]",
        *below,
        'address = "ops@agent.test"',
        'owner = "ops" # x',
    ]
    text = end.join([*lines, *below, ""])

    def change(document):
        document["mailboxes"]["ops"]["owner"] = "root"

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "config.toml"
        path.write_bytes(text.encode())
        octets, _ = edit.transact(path, None, change)
    assert octets == text.replace('owner = "ops"', 'owner = "root"').encode()
