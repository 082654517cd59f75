"""The four machines that a release is made for, as the tools name them."""

from typing import NamedTuple

from install.release import Refused

PYTHON = "3.11"  # the line of the interpreter inside a bundle: Debian 12's
_CP = "cp311"
_MANYLINUX = ("2_36", "2_35", "2_34", "2_31", "2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5")
_MUSLLINUX = ("1_2", "1_1")


class Target(NamedTuple):
    """`triple` is what `aimx --version` says; `short` is in names of files; `debian` is dpkg's architecture."""

    triple: str
    machine: str  # of `uname -m`
    libc: str  # gnu or musl
    debian: str

    @property
    def short(self) -> str:
        """The triple without its vendor."""
        return self.triple.replace("-unknown", "")

    @property
    def loader(self) -> str:
        """Where the C library's loader is: every binary names it."""
        if self.libc == "musl":
            return f"/lib/ld-musl-{self.machine}.so.1"
        return "/lib64/ld-linux-x86-64.so.2" if self.machine == "x86_64" else "/lib/ld-linux-aarch64.so.1"

    @property
    def wheels(self) -> tuple[str, ...]:
        """Platform tags of the wheels that run there, best first."""
        if self.libc == "musl":
            return tuple(f"musllinux_{version}_{self.machine}" for version in _MUSLLINUX)
        old = tuple(f"manylinux{year}_{self.machine}" for year in ("2014", "2010", "1"))
        return tuple(f"manylinux_{version}_{self.machine}" for version in _MANYLINUX) + old

    def pip(self) -> list[str]:
        """The options of pip that mean this machine whatever machine pip runs on."""
        words = ["--only-binary", ":all:", "--implementation", "cp", "--python-version", PYTHON]
        for abi in (_CP, "abi3", "none"):
            words += ["--abi", abi]
        for platform in (*self.wheels, "any"):
            words += ["--platform", platform]
        return words


TARGETS = {
    target.triple: target
    for target in (
        Target("x86_64-unknown-linux-gnu", "x86_64", "gnu", "amd64"),
        Target("aarch64-unknown-linux-gnu", "aarch64", "gnu", "arm64"),
        Target("x86_64-unknown-linux-musl", "x86_64", "musl", "amd64"),
        Target("aarch64-unknown-linux-musl", "aarch64", "musl", "arm64"),
    )
}


def target(triple: str) -> Target:
    """The target of that name. Raises: Refused."""
    if triple not in TARGETS:
        raise Refused(f"there is no target {triple!r}; there are {', '.join(TARGETS)}")
    return TARGETS[triple]
