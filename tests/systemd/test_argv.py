"""Words of a command arrive as they are written, whatever systemd makes of them."""

import pytest

WORDS = (
    "$HOME", "${AIMX_SUBJECT}", "$AIMX_SUBJECT", "a $HOME b", "$$", "$$$", "$", "${", "${}", "$(id)", "`id`",
    "%h", "%%", "%n %i %u", "{}", "", "a b", " ", "\t", "a\nb", '"', "'", "\\", "\\n", "\\x41", '\\"', "@x", "-x", "+x",
    "!x", ":x", "|x", "--", "--help", "-p", "--property=User=root", ";", "; /bin/true", "\\;", "é", "\u202e", "~", "*",
)  # fmt: skip


@pytest.fixture(scope="module")
def arrived(host):
    return host.probe("alice", *WORDS)["argv"]


@pytest.mark.parametrize("number", range(len(WORDS)), ids=[ascii(word) for word in WORDS])
def test_a_word_arrives_unchanged(arrived, number):
    assert arrived[number] == WORDS[number]


def test_there_are_no_others(arrived):
    assert len(arrived) == len(WORDS)


@pytest.mark.parametrize("name", ["with $HOME", "with %h", "with \\ and \"quotes'", "-dash", "@at", "{}"])
def test_so_does_the_program(host, name):
    """The first word is a path, in a directory that is called so too."""
    directory = f"/usr/local/lib/{name}"
    host.machine.run("mkdir", "-p", directory)
    host.machine.write(f"{directory}/{name}", '#!/bin/sh\nprintf %s "$0" >~/program\n', 0o755)
    _, run = host.fire("bob", f"{directory}/{name}")
    assert run["exit_code"] == 0, run
    assert host.machine.file("/srv/bob/program").read_text() == f"{directory}/{name}"
