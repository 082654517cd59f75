"""config.toml by setup: the first one, and another domain with every comment in its place."""

import os

import pytest

from aimx.config import domain, edit, fresh, load
from aimx.errors import ConfigInvalid, Failed
from aimx.provision.setup import configfile

OLD, NEW = "agent.example.test", "other.example.test"


@pytest.mark.parametrize("catchall", [True, False])
@pytest.mark.parametrize("senders", [(), ("you@example.test", "*@company.test")])
def test_the_first_one_says_what_was_answered(catchall, senders):
    found = load.parse(fresh.document(OLD, senders, "/srv/mail 1", catchall), "config.toml", None)
    assert (found.domain, found.trusted_senders, str(found.data_dir)) == (OLD, senders, "/srv/mail 1")
    assert found.trust == ("verified" if senders else "none")
    assert [(box.address, box.owner, box.catchall) for box in found.mailboxes.values()] == (
        [(f"*@{OLD}", "aimx-catchall", True)] if catchall else []
    )
    assert found.warnings == ()


def test_the_default_data_directory_is_not_written_down():
    assert b"data_dir" not in fresh.document(OLD, (), load.DATA_DIR, True)


BEFORE = f"""# ours
domain = "{OLD}"   # bought in spring
trusted_senders = ["*@{OLD}"]

[mailboxes.catchall]
address = "*@{OLD}" # everything
owner = "aimx-catchall"

[mailboxes.ops]  # people
address = "Ops@{OLD.upper()}"
owner = "alice"
[[mailboxes.ops.hooks]]
name = "n"
event = "on_receive"
cmd = ["/bin/echo", "{OLD}"]

[mailboxes.far]
address = "far@sub.{OLD}"
owner = "alice"
"""
AFTER = BEFORE.replace(f'domain = "{OLD}"', f'domain = "{NEW}"').replace(f'"*@{OLD}" #', f'"*@{NEW}" #')
AFTER = AFTER.replace(f"Ops@{OLD.upper()}", f"Ops@{NEW}")


def test_another_domain_changes_domain_and_addresses_and_nothing_else(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(BEFORE)
    octets, found = edit.transact(path, None, domain.moved(OLD, NEW))
    assert octets.decode() == AFTER == path.read_text()
    assert found.mailboxes["catchall"].catchall
    assert domain.trusted_at(found, OLD) == (f"*@{OLD}",)


@pytest.mark.parametrize("text", [
    f'domain = "{OLD}"\nmailboxes = {{ ops = {{ address = "ops@{OLD}", owner = "alice" }} }}\n',
    f'domain = "{OLD}"\nmailboxes.ops.address = "ops@{OLD}"\nmailboxes.ops.owner = "alice"\n',
    f'domain = "{OLD}"\r\n',
])  # fmt: skip
def test_however_it_is_written(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode())
    edit.transact(path, None, domain.moved(OLD, NEW))
    assert path.read_bytes() == text.replace(OLD, NEW).encode()


def test_the_file_as_it_was_stays_beside_it_and_can_be_put_back(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(BEFORE)
    move = configfile.Move(path, OLD, NEW)
    move.carry_out(None)
    kept = tmp_path / f"config.toml.{OLD}"
    assert (path.read_text(), kept.read_text()) == (AFTER, BEFORE)
    assert oct(kept.stat().st_mode & 0o777) == oct(path.stat().st_mode & 0o777) == "0o640"
    move.take_back()
    assert path.read_text() == BEFORE


def test_what_somebody_edited_meanwhile_is_not_put_back(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(BEFORE)
    move = configfile.Move(path, OLD, NEW)
    move.take_back()  # nothing was done yet
    move.carry_out(None)
    path.write_text("# mine\n" + AFTER)
    with pytest.raises(Failed, match="changed meanwhile"):
        move.take_back()
    assert path.read_text() == "# mine\n" + AFTER


def test_a_file_that_is_there_is_never_replaced(tmp_path):
    path = tmp_path / "etc" / "config.toml"
    configfile.create(path, b"first")
    with pytest.raises(ConfigInvalid, match="left as it is"):
        configfile.create(path, b"second")
    assert path.read_bytes() == b"first"
    assert os.listdir(path.parent) == ["config.toml"]
    with pytest.raises(Failed, match="stays"):
        configfile.drop(path, b"second")
    configfile.drop(path, b"first")
    configfile.drop(path, b"first")
    assert os.listdir(path.parent) == []
