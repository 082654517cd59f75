"""Control groups, in trees like those of hosts."""

from pathlib import Path

import pytest

from aimx.effects.controlgroup import Memory, populated

GROUP = "/aimx.slice/u.service"


@pytest.mark.parametrize(
    ("hierarchy", "processes", "expected"),
    [
        pytest.param("", "12\n", True, id="version-2"),
        pytest.param("", "", False, id="version-2-empty"),
        pytest.param("unified", "12\n", True, id="both-versions"),
        pytest.param("systemd", "", False, id="version-1-empty"),
        pytest.param("elsewhere", "", True, id="not-known"),
    ],
)
def test_whether_somebody_is_left(tmp_path: Path, hierarchy: str, processes: str, expected: bool) -> None:
    group = tmp_path / hierarchy / GROUP[1:]
    group.mkdir(parents=True)
    (group / "cgroup.procs").write_text(processes)
    assert populated(GROUP, tmp_path) is expected


def test_no_group_has_nobody(tmp_path: Path) -> None:
    assert not populated("", tmp_path)


@pytest.mark.parametrize(
    ("hierarchy", "name", "text", "peak"),
    [
        pytest.param("", "memory.peak", "4096\n", 4096, id="version-2"),
        pytest.param("memory", "memory.max_usage_in_bytes", "8192\n", 8192, id="version-1"),
        pytest.param("", "memory.peak", "max\n", None, id="no-number"),
        pytest.param("", "memory.current", "4096\n", None, id="old-kernel"),
    ],
)
def test_most_memory(tmp_path: Path, hierarchy: str, name: str, text: str, peak: int | None) -> None:
    group = tmp_path / hierarchy / GROUP[1:]
    group.mkdir(parents=True)
    (group / name).write_text(text)
    with Memory(GROUP, tmp_path) as memory:
        assert memory.peak() == peak
    with Memory("", tmp_path) as memory:
        assert memory.peak() is None
