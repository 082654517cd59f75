"""The snapshot in force: last good, one data directory, hand edits noticed and never adopted."""

import pytest

from aimx.config import edit
from aimx.config.live import LiveConfig
from aimx.errors import ConfigInvalid

TEXT = 'domain = "agent.test"\ndata_dir = "/srv/mail"\n'


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(TEXT)
    return file


def test_reload_takes_a_new_domain(path):
    live = LiveConfig(path, None)
    path.write_text(TEXT.replace("agent", "other"))
    assert live.reload().domain == "other.test"
    assert live.current.domain == "other.test"


def test_reload_keeps_the_last_good_snapshot(path):
    live = LiveConfig(path, None)
    before = live.current
    path.write_text("domain = 1")
    with pytest.raises(ConfigInvalid, match="domain: must be a string"):
        live.reload()
    assert live.current is before


def test_reload_keeps_the_override(path, tmp_path):
    live = LiveConfig(path, tmp_path / "elsewhere")
    path.write_text(TEXT.replace("/srv/mail", "/srv/new"))
    config = live.reload()
    assert config.data_dir == tmp_path / "elsewhere"
    assert config.warnings == ()


@pytest.mark.parametrize("how", ["reload", "adopt"])
def test_a_new_data_dir_waits_for_a_restart(path, how):
    live = LiveConfig(path, None)
    text = TEXT.replace("/srv/mail", "/srv/new")
    path.write_text(text)
    config = live.reload() if how == "reload" else live.adopt(text.encode())
    assert str(config.data_dir) == "/srv/mail"
    assert config.warnings == ("data_dir: /srv/new takes effect at the next start; until then mail stays in /srv/mail",)


def test_hand_edits_are_noticed_and_not_adopted(path):
    live = LiveConfig(path, None)
    assert not live.differs_on_disk()
    path.write_text(TEXT + "# changed\n")
    assert live.differs_on_disk()
    live.reload()
    assert not live.differs_on_disk()
    path.unlink()
    assert live.differs_on_disk()
    assert live.current.domain == "agent.test"


def test_our_own_edits_are_no_difference(path):
    live = LiveConfig(path, None)

    def change(document):
        document["trust"] = "verified"

    octets, _ = edit.transact(path, None, change)
    assert live.adopt(octets).trust == "verified"
    assert not live.differs_on_disk()


def test_a_snapshot_cannot_be_changed(path):
    config = LiveConfig(path, None).current
    with pytest.raises(AttributeError):
        config.domain = "other.test"
    with pytest.raises(TypeError):
        config.mailboxes["x"] = None
