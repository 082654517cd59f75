"""Which `aimx` is running, as the interpreter was told, or as it finds itself."""

import subprocess
import sys

import pytest

ASK = "from aimx.effects.running import running; print(running().kind, *running().argv)"


@pytest.mark.parametrize("kind", ["bundle", "deb"])
def test_a_program_file_that_started_the_interpreter_is_the_program(kind):
    told = subprocess.run(
        [sys.executable, "-I", "-X", f"aimx_{kind}=/usr/local/bin/aimx", "-c", ASK],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.split() == [kind, "/usr/local/bin/aimx"]


def test_what_such_a_program_starts_knows_it_too(tmp_path):
    ask = "import subprocess, sys; from aimx.effects.running import running; print(*running().module_argv)"
    told = subprocess.run(
        [sys.executable, "-I", "-X", "aimx_bundle=/usr/local/bin/aimx", "-c", ask],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.split() == [sys.executable, "-I", "-X", "aimx_bundle=/usr/local/bin/aimx", "-m"]


def test_an_interpreter_that_was_told_nothing_looks_beside_itself():
    told = subprocess.run([sys.executable, "-I", "-c", ASK], capture_output=True, text=True, check=True)
    assert told.stdout.split()[0] in ("venv", "system")


def test_an_option_without_a_value_tells_nothing():
    told = subprocess.run(
        [sys.executable, "-I", "-X", "aimx_bundle", "-c", ASK], capture_output=True, text=True, check=True
    )
    assert told.stdout.split()[0] != "bundle"
