"""Imports the SDK's server without what a session over standard input and output never needs: half of its start.

Two of its packages import everything it has, and its server class names types of its HTTP stack in signatures. Here the
packages run their `__init__` only when somebody asks them for a name, and those types are loaded when they are used; so
are the models of each protocol era, of which a session speaks one. What is built of models, and of unions of them, is
built when the first message needs it.
The rest of the SDK can be imported in the same process; a server loaded this way is for standard input and output.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType, UnionType
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, TypeAdapter

_INIT = TypeAdapter.__init__
PACKAGES = frozenset({"mcp", "mcp.server"})
ELSEWHERE = (
    "starlette",
    "mcp.server.auth",
    "mcp.server.streamable_http",
    "mcp.server.streamable_http_manager",
    "mcp.server.transport_security",
    "mcp_types._v2025_11_25",
    "mcp_types._v2026_07_28",
)


@contextmanager
def imports() -> Iterator[None]:
    """Within it, imports of the SDK are lean."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        with _building_late():
            yield
    finally:
        sys.meta_path.remove(finder)
        finder.forget()


@contextmanager
def _building_late() -> Iterator[None]:
    """Within it, models and adapters are defined and not built."""
    if "defer_build" in BaseModel.model_config:
        yield
        return
    BaseModel.model_config["defer_build"] = True  # inherited by what is defined meanwhile
    TypeAdapter.__init__ = _init_late  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        TypeAdapter.__init__ = _INIT  # type: ignore[method-assign]
        del BaseModel.model_config["defer_build"]


def _init_late(adapter: TypeAdapter[Any], of: Any, **named: Any) -> None:
    """A union has no configuration of its own that would say so."""
    if isinstance(of, UnionType):
        named["config"] = ConfigDict(defer_build=True)
    _INIT(adapter, of, _parent_depth=3, **named)


class _Package(ModuleType):
    """A package whose `__init__` has not run; the first name that it lacks makes it run."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.__class__ = ModuleType  # type: ignore[assignment]  # once, and never from within its own `__init__`
        spec = self.__spec__
        assert spec and spec.loader
        spec.loader.exec_module(self)
        return getattr(self, name)


class _Elsewhere(ModuleType):
    """A module of which only names are known."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        later = _Later(self.__name__, name)
        setattr(self, name, later)
        return later


class _Later:
    """A class or function of a module that is imported when it is called, asked or derived from."""

    def __init__(self, module: str, name: str) -> None:
        self._where = (module, name)

    def _real(self) -> Any:
        module, name = self._where
        with _building_late():
            return getattr(importlib.import_module(module), name)

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self._real()(*args, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real(), name)

    def __get_pydantic_core_schema__(self, _source: object, handler: GetCoreSchemaHandler) -> Any:
        return handler(self._real())

    def __mro_entries__(self, _bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._real(),)


class _Loader(importlib.abc.Loader):
    """Makes an empty module of a kind, and leaves the loader that would fill it, if there is one."""

    def __init__(self, kind: type[ModuleType], real: importlib.abc.Loader | None) -> None:
        self._kind = kind
        self._real = real

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self._kind(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        if self._real and module.__spec__:
            module.__spec__.loader = module.__loader__ = self._real


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self) -> None:
        self._made: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name in PACKAGES:
            spec = importlib.machinery.PathFinder.find_spec(name, path, target)
            if spec and spec.loader:
                spec.loader = _Loader(_Package, spec.loader)
            return spec
        if name.startswith(ELSEWHERE) and (name in ELSEWHERE or name.startswith(tuple(f"{at}." for at in ELSEWHERE))):
            self._made.append(name)
            return importlib.machinery.ModuleSpec(name, _Loader(_Elsewhere, None), is_package=True)
        return None

    def forget(self) -> None:
        """From here on the modules that were only names can be imported by anybody."""
        for name in self._made:
            sys.modules.pop(name, None)
            parent, _, child = name.rpartition(".")
            if parent in sys.modules:
                vars(sys.modules[parent]).pop(child, None)
