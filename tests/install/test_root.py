"""Who is not root: sudo, its password, the terminal, and what of the environment gets through."""

import stat

import pytest

USER = 4711


def test_a_user_with_sudo_installs(box):
    box.publish("9.9.1")
    box.give_sudo()
    box.env |= {"AIMX_DOMAIN": "agent.example.test", "AIMX_NONINTERACTIVE": "1", "AIMX_DATA_DIR": "/var/lib/other",
                "NO_COLOR": "1", "LANG": "C.UTF-8", "GITHUB_TOKEN": "ghp_x", "SECRET": "of the user"}  # fmt: skip
    run = box.run(user=USER, piped=True)
    assert run.status == 0, run.text
    assert box.works("9.9.1")
    found = box.program.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (0o755, 0, 0)
    lines = box.log.splitlines()
    assert "argv: setup agent.example.test" in lines
    assert "uid: 0" in lines
    for variable in (
        "AIMX_NONINTERACTIVE=1",
        f"AIMX_CONFIG_DIR={box.etc}",
        "AIMX_DATA_DIR=/var/lib/other",
        "NO_COLOR=1",
    ):
        assert variable in lines
    assert "GITHUB" not in box.log
    assert box.left() == []
    assert any(f"{box.program} setup agent.example.test" in line for line in box.sudo_log)


def test_a_user_with_sudo_upgrades(box):
    box.publish("9.9.1")
    box.installed("9.9.0")
    box.give_sudo()
    run = box.run(user=USER)
    assert run.status == 0, run.text
    assert "uid: 0" in box.log
    assert f"AIMX_CONFIG_DIR={box.etc}\n" in box.log
    assert box.works("9.9.1")
    assert box.left() == []


def test_an_interrupted_user_leaves_nothing_of_roots(box):
    """The staged program is root's, and goes all the same."""
    box.publish("9.9.1", shell='[ "$1" != --version ] || kill -INT 0')
    box.give_sudo()
    run = box.type("", user=USER)
    assert run.status == 130, run.text
    assert "interrupted; nothing was changed" in run.text
    assert (list(box.bin.iterdir()), box.left()) == ([], [])


def test_without_sudo_it_ends_before_the_network(box):
    box.publish("9.9.1")
    run = box.run(user=USER)
    assert run.status == 1
    assert "[error] sudo is required for system installs on Linux" in run.text
    assert (box.server.asked, box.left()) == ([], [])


def test_root_needs_no_sudo(box):
    box.publish("9.9.1")
    box.fake("sudo", "exit 1")
    assert box.run().status == 0


@pytest.mark.parametrize("noninteractive", [False, True], ids=["no terminal", "noninteractive"])
def test_a_password_without_somebody_who_types_it_is_a_failure(box, noninteractive):
    box.publish("9.9.1")
    box.give_sudo()
    (box.path / "ask-password").touch()
    if noninteractive:
        box.env["AIMX_NONINTERACTIVE"] = "1"
        run = box.type("", user=USER)
    else:
        run = box.run(user=USER)
    assert run.status == 1
    assert "sudo asks for a password and there is no terminal to ask at" in run.text
    assert box.server.asked == []
    assert "-v" not in box.sudo_log


@pytest.mark.each_shell
@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
def test_a_password_is_asked_for_on_the_terminal(box, piped):
    box.publish("9.9.1")
    box.give_sudo()
    (box.path / "ask-password").touch()
    run = box.type("", user=USER, piped=piped)
    assert run.status == 0, run.text
    assert "sudo is needed to install for the whole system" in run.text
    assert "-v" in box.sudo_log
    assert "stdin: terminal" in box.log


def test_a_wrong_password_is_a_failure(box):
    box.publish("9.9.1")
    box.give_sudo()
    (box.path / "no-sudo").touch()
    run = box.type("", user=USER)
    assert run.status == 1
    assert "[error] sudo did not let us" in run.text
    assert box.server.asked == []


@pytest.mark.each_shell
@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
def test_setup_gets_the_terminal(box, piped):
    box.publish("9.9.1")
    run = box.type("", piped=piped)
    assert run.status == 0, run.text
    assert "stdin: terminal\n" in box.log


def test_setup_gets_no_script_to_read(box):
    """Without a terminal what is left of a pipe is not for setup."""
    box.publish("9.9.1", shell='[ "$1" != setup ] || cat')
    box.script.write_text(f"{box.script.read_text()}\nthis is not for anybody\n")
    run = box.run(piped=True)
    assert run.status == 0, run.text
    assert "this is not" not in run.text


def test_what_has_odd_characters_is_not_passed_on(box):
    box.publish("9.9.1")
    box.env["AIMX_DATA_DIR"] = "/a b"
    run = box.run()
    assert run.status == 0, run.text
    assert "AIMX_DATA_DIR is not passed on" in run.text
