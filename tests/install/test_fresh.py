"""On a machine without AIMX: what is installed, how setup is started, and what stays."""

import re
import stat

import pytest

CONFIG = b'domain = "agent.example.test"\n'


def test_the_latest_release_is_installed_and_set_up(box):
    box.publish("9.9.1")
    run = box.run()
    assert run.status == 0, run.text
    assert box.works("9.9.1")
    assert box.log.splitlines()[:2] == ["argv: setup", f"program: {box.program}"]
    assert box.left() == []
    assert "[ok] Signature and checksum are right" in run.text


@pytest.mark.parametrize("tag", ["9.8.0", "v9.8.0", "9.8.0-rc.2"])
def test_a_release_can_be_named(box, tag):
    bare = tag.removeprefix("v")
    box.server.publish(bare, box.make(bare), box.key, latest=False)
    box.publish("9.9.1")
    run = box.run("--tag", tag)
    assert run.status == 0, run.text
    assert box.works(bare)
    assert ("tags have no v" in run.text) == tag.startswith("v")


def test_flags_win_over_the_environment(box):
    box.server.publish("9.8.0", box.make("9.8.0"), box.key, latest=False)
    box.publish("9.9.1")
    box.env |= {"AIMX_VERSION": "9.9.1", "AIMX_PREFIX": str(box.path / "no"), "AIMX_DOMAIN": "no.example.test",
                "AIMX_VERIFY_HOST": "https://no.example.test"}  # fmt: skip
    run = box.run(
        "--tag=9.8.0", f"--to={box.bin}", "--domain=agent.example.test", "--verify-host=https://v.example.test"
    )
    assert run.status == 0, run.text
    assert box.works("9.8.0")
    assert not (box.path / "no").exists()
    assert "argv: setup --verify-host https://v.example.test agent.example.test\n" in box.log


def test_the_environment_is_enough(box):
    box.server.publish("9.8.0", box.make("9.8.0"), box.key, latest=False)
    box.publish("9.9.1")
    box.env |= {"AIMX_VERSION": "v9.8.0", "AIMX_DOMAIN": "agent.example.test", "AIMX_NONINTERACTIVE": "1",
                "AIMX_VERIFY_HOST": "https://v.example.test", "NO_COLOR": "1"}  # fmt: skip
    run = box.run(piped=True)
    assert run.status == 0, run.text
    assert box.works("9.8.0")
    assert "argv: setup --verify-host https://v.example.test agent.example.test\n" in box.log
    assert "AIMX_NONINTERACTIVE=1\n" in box.log


def test_it_goes_where_it_is_told_however_deep(box):
    box.publish("9.9.1")
    place = box.path / "opt" / "a b" / "bín"
    run = box.run("--to", f"{place}//")
    assert run.status == 0, run.text
    assert f"program: {place}/aimx\n" in box.log
    assert f"{place} is not in your PATH" in run.text
    assert stat.S_IMODE(place.stat().st_mode) == 0o755


def test_a_relative_place_is_below_where_one_is(box):
    box.publish("9.9.1")
    run = box.run("--to", "here/bin")
    assert run.status == 0, run.text
    assert f"program: {box.path}/here/bin/aimx\n" in box.log


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777], ids=oct)
def test_modes_do_not_depend_on_who_installs(box, umask):
    box.publish("9.9.1")
    place = box.path / "opt" / "bin"
    run = box.run("--to", str(place), umask=umask)
    assert run.status == 0, run.text
    found = (place / "aimx").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (0o755, 0, 0)
    assert stat.S_IMODE(place.stat().st_mode) == stat.S_IMODE(place.parent.stat().st_mode) == 0o755


def test_a_configuration_stays_with_a_copy_beside_it(box):
    box.publish("9.9.1")
    config = box.etc / "config.toml"
    config.write_bytes(CONFIG)
    config.chmod(0o640)
    run = box.run()
    assert run.status == 0, run.text
    copies = [path for path in box.etc.iterdir() if path != config]
    assert config.read_bytes() == CONFIG
    assert [re.fullmatch(r"config\.toml\.bak-\d{8}-\d{6}", path.name) is not None for path in copies] == [True]
    assert copies[0].read_bytes() == CONFIG
    assert stat.S_IMODE(copies[0].stat().st_mode) == 0o640


def test_what_setup_says_is_what_the_installer_says(box):
    box.publish("9.9.1", ends=3)
    assert box.run().status == 3
    assert box.works("9.9.1")


def test_what_was_left_behind_by_one_that_was_killed_is_no_obstacle(box):
    box.publish("9.9.1")
    (box.bin / ".aimx.install").write_text("half of a program")
    run = box.run()
    assert run.status == 0, run.text
    assert box.left() == []


def test_a_service_without_a_program_is_installed_anew(box):
    box.publish("9.9.1")
    box.installed("9.9.1")
    box.program.unlink()
    run = box.run()
    assert run.status == 0, run.text
    assert "is there and" in run.text
    assert "argv: setup\n" in box.log


def test_a_program_without_a_service_is_installed_anew(box):
    box.publish("9.9.1")
    box.make("9.9.0", box.program)
    run = box.run()
    assert run.status == 0, run.text
    assert "setup did not complete" in run.text
    assert box.works("9.9.1")
    assert "argv: setup\n" in box.log


def test_a_link_that_leads_nowhere_is_replaced(box):
    box.publish("9.9.1")
    box.program.symlink_to(box.path / "gone")
    run = box.run()
    assert run.status == 0, run.text
    assert not box.program.is_symlink()


def test_the_release_may_be_in_files(box):
    box.publish("9.9.1")
    box.env["AIMX_RELEASE_MANIFEST_URL"] = box.server.files
    run = box.run()
    assert run.status == 0, run.text
    assert box.server.asked == []


def test_the_configuration_names_where_releases_are(box):
    box.publish("9.9.1")
    del box.env["AIMX_RELEASE_MANIFEST_URL"]
    (box.etc / "config.toml").write_text(
        f'domain = "a.example.test"\n[upgrade] # ours\n  release_manifest_url = "{box.server.manifest}" # ours\n[x]\n'
    )
    run = box.run("--tag", "9.9.1")
    assert run.status == 0, run.text
    assert box.server.asked[0] == "/tag-9.9.1.json"


def test_others_who_can_write_to_the_place_are_warned_of(box):
    box.publish("9.9.1")
    box.bin.chmod(0o777)
    run = box.run()
    assert run.status == 0, run.text
    assert "can be written by others than root" in run.text
    assert "can be written by others" not in _through_a_link(box).text


def _through_a_link(box):
    """To a place that is root's alone."""
    box.bin.chmod(0o755)
    link = box.path / "link"
    link.symlink_to(box.bin)
    return box.run("--to", str(link), "--force")


def test_a_release_that_cannot_be_found_by_its_tag_is_told(box):
    box.publish("9.9.1")
    box.env["AIMX_RELEASE_MANIFEST_URL"] = f"{box.server.base}/9.9.1"
    run = box.run("--tag", "9.9.1")
    assert run.status == 1
    assert "ends neither in /latest nor in latest.json" in run.text


@pytest.mark.parametrize("way", ["setup", "upgrade"])
@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C.UTF-8"}, {"LANG": "C.UTF-8"}], ids=["none", "LC_ALL", "LANG"])
def test_programs_talk_in_the_locale_of_who_installs(box, locale, way):
    """On a terminal setup has a screen only where the encoding can show it."""
    box.publish("9.9.1")
    if way == "upgrade":
        box.installed("9.9.0")
    box.env |= locale
    run = box.run()
    assert run.status == 0, run.text
    assert f"argv: {way}" in box.log
    assert {line for line in box.log.splitlines() if line.startswith(("LC_ALL", "LANG"))} == {
        f"{name}={value}" for name, value in locale.items()
    }
