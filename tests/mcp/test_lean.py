"""The SDK imported without its HTTP side: the same SDK, and the rest of it still to be had."""

import subprocess
import sys

import pytest


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


CLIENT = """
import trio
from aimx.mcp.server import server
from aimx.mcp.daemon import SocketDaemon
from mcp import Client
import mcp, mcp.server, mcp.server.streamable_http

async def main():
    async with Client(server(True, SocketDaemon()), mode={mode!r}) as client:
        print(len((await client.list_tools()).tools), client.server_info.name)

trio.run(main)
print(mcp.server.MCPServer.__name__, mcp.server.lowlevel.Server is server(True, SocketDaemon()).__class__)
"""


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_a_client_of_the_same_process_gets_the_whole_sdk(mode):
    assert _python(CLIENT.format(mode=mode)).splitlines() == ["12 aimx", "MCPServer True"]


def test_a_type_that_was_left_out_can_be_called_asked_and_derived_from():
    code = """
from aimx.mcp import lean
with lean.imports():
    from starlette.routing import Route
import sys
assert "starlette" not in sys.modules
route = Route("/", endpoint=print)
class Own(Route): pass
from starlette.routing import Route as real
print(type(route) is real, Own.__mro__[1] is real, Route.matches is real.matches)
"""
    assert _python(code) == "True True True"


def test_models_are_built_late_only_within():
    code = """
from aimx.mcp import lean
from pydantic import BaseModel
with lean.imports():
    class Late(BaseModel):
        a: int
class Now(BaseModel):
    a: int
print(Late.__pydantic_complete__, Now.__pydantic_complete__, Late(a="1").a, Late.__pydantic_complete__)
"""
    assert _python(code) == "False True 1 True"


def test_what_is_not_installed_is_missing_as_ever():
    code = """
from aimx.mcp import lean
try:
    with lean.imports():
        import mcp.server.nothing_of_the_kind
except ModuleNotFoundError as error:
    print(error.name)
"""
    assert _python(code) == "mcp.server.nothing_of_the_kind"


ERA = """
import sys
import trio
from aimx.mcp.server import server
from aimx.mcp.daemon import SocketDaemon
LATE = ("starlette", "httpx2", "mcp_types._v2025_11_25", "mcp_types._v2026_07_28")
assert not sys.modules.keys() & set(LATE)
from mcp import Client

async def main():
    async with Client(server(True, SocketDaemon()), mode={mode!r}, raise_exceptions=True) as client:
        result = await client.call_tool("mailbox_list", {{}})
        print(result.is_error, type(result).__name__)

trio.run(main)
"""


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_the_models_of_an_era_are_loaded_when_it_is_spoken(mode, tmp_path, monkeypatch):
    monkeypatch.setenv("AIMX_RUNTIME_DIR", str(tmp_path))
    assert _python(ERA.format(mode=mode)) == "True CallToolResult"


def test_adapters_of_unions_are_built_late_only_within():
    code = """
from aimx.mcp import lean
from pydantic import BaseModel, TypeAdapter
class A(BaseModel):
    a: int
with lean.imports():
    late = TypeAdapter[A | None](A | None)
    model = TypeAdapter(A)
now = TypeAdapter(A | None)
print(late.pydantic_complete, model.pydantic_complete, now.pydantic_complete, late.validate_python({"a": 1}))
"""
    assert _python(code) == "False True True a=1"
