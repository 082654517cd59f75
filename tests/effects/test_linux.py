"""System calls by ctypes that no other test sees the effect of."""

import os
import subprocess
import sys

import pytest

ASK = "from aimx.effects import linux; print(linux.malloc_arenas(2))"


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="another C library than glibc")
def test_glibc_takes_a_number_of_arenas():
    told = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "True"
