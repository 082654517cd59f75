"""Work for a worker: its coroutine is made when the worker starts, so that one replaced before leaves none behind."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ParamSpec

P = ParamSpec("P")


def later(function: Callable[P, Awaitable[Any]], *args: P.args, **kwargs: P.kwargs) -> Any:
    """What `run_worker` takes; Any, since Textual knows partials and its types do not."""
    return partial(function, *args, **kwargs)
