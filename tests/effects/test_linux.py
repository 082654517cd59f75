"""System calls by ctypes that no other test sees the effect of."""

import os
import subprocess
import sys

import pytest

ASK = "from aimx.effects import linux; print(linux.malloc_bounds(2, 2**20))"


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="another C library than glibc")
def test_glibc_takes_the_bounds():
    assert _told(ASK) == "True"


# What a piece of 20 MB leaves behind when it is let go of, and one that came later: kilobytes of the process.
KEPT = """
import re, sys
from aimx.effects import linux
def held():
    return int(re.search(r"VmRSS:\\s*(\\d+)", open("/proc/self/status").read())[1])
if sys.argv[1:]:
    linux.malloc_bounds(2, 2**20)
before = held()
large = bytearray(20_000_000)
del large
large, after = bytearray(20_000_000), [b"" for _ in range(10)]
small = [bytes(2000) for _ in range(2000)]
del large
print(held() - before)
"""


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="another C library than glibc")
def test_a_large_piece_goes_back_to_the_system():
    assert int(_told(KEPT, "bounded")) < 10_000 < int(_told(KEPT))


def _told(program: str, *arguments: str) -> str:
    told = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return told.stdout.strip()
