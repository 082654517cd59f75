"""Handlers for what a client shows beside the tools: resources, prompts, completions, news.

Turns what the modules beside it say into the SDK's types, and what they cannot do into protocol errors.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any

from aimx import limits, log
from aimx.errors import AimxError, DaemonAbsent, told
from aimx.mcp import completing, prompts, resources
from aimx.mcp.news import Changes, News
from aimx.mcp.sdk import (
    InMemorySubscriptionBus,
    ListenHandler,
    MCPError,
    ResourcesListChanged,
    ResourceUpdated,
    types,
)
from aimx.mcp.tool import ABSENT, Daemon, ToolError


class Offering:
    """The handlers of one server."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._bus = InMemorySubscriptionBus()
        self._listen = ListenHandler(self._bus, max_subscriptions=limits.MCP_LISTENERS)
        self._news = News(daemon, self._publish)

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        async with self._news.running():
            yield

    def lifespan(self, _server: object) -> AbstractAsyncContextManager[Any]:
        """What runs while the server does."""
        return self._running()

    async def list_resources(
        self, _context: object, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        """resources/list."""
        cursor = (params and params.cursor) or "0"
        if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= limits.MCP_CURSOR_DIGITS):
            raise MCPError(types.INVALID_PARAMS, "cursor: not one of this server")
        with _answering():
            page = await resources.page(self._daemon, int(cursor))
        listed = [_listed(one) for one in page.listed]
        return types.ListResourcesResult(resources=listed, next_cursor=None if page.then is None else str(page.then))

    async def list_templates(
        self, _context: object, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """resources/templates/list."""
        templates = [
            types.ResourceTemplate(
                uri_template=one.uri, name=one.name, title=one.title, description=one.description, mime_type=one.kind
            )
            for one in resources.TEMPLATES
        ]
        return types.ListResourceTemplatesResult(resource_templates=templates)

    async def read_resource(
        self, _context: object, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """resources/read. An address of nothing and one of somebody else's are the same error."""
        try:
            with _answering():
                found = await resources.content(self._daemon, params.uri)
        except resources.Unknown:
            raise MCPError(types.INVALID_PARAMS, "Resource not found", {"uri": params.uri}) from None
        contents = types.TextResourceContents(uri=params.uri, mime_type=found.kind, text=found.text)
        return types.ReadResourceResult(contents=[contents])

    async def listen(
        self, context: Any, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        """subscriptions/listen: until the client ends it."""
        async with self._news.followed():
            return await self._listen(context, params)

    async def _publish(self, news: Changes) -> None:
        for uri in sorted(news.uris):
            await self._bus.publish(ResourceUpdated(uri=uri))
        if news.listed:
            await self._bus.publish(ResourcesListChanged())

    async def list_prompts(
        self, _context: object, _params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        """prompts/list."""
        return types.ListPromptsResult(prompts=[_prompt(one) for one in prompts.PROMPTS])

    async def get_prompt(self, _context: object, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        """prompts/get."""
        prompt = next((one for one in prompts.PROMPTS if one.name == params.name), None)
        if prompt is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown prompt: {params.name}")
        given = params.arguments or {}
        if missing := [one.name for one in prompt.arguments if one.required and not given.get(one.name)]:
            raise MCPError(types.INVALID_PARAMS, f"{prompt.name}: missing argument `{missing[0]}`")
        try:
            with _answering():
                text = await prompt.write(self._daemon, given)
        except prompts.Unwritable as error:
            raise MCPError(types.INVALID_PARAMS, f"{prompt.name}: {error}") from None
        message = types.PromptMessage(role="user", content=types.TextContent(text=text))
        return types.GetPromptResult(description=prompt.description, messages=[message])

    async def complete(self, _context: object, params: types.CompleteRequestParams) -> types.CompleteResult:
        """completion/complete. Where the daemon has no answer there is nothing to complete with."""
        known = (params.context and params.context.arguments) or {}
        try:
            found = await completing.complete(self._daemon, params.argument.name, params.argument.value, known)
        except (ToolError, AimxError):
            found = completing.Completed([], False)
        return types.CompleteResult(completion=types.Completion(values=found.values, has_more=found.more))


@contextmanager
def _answering() -> Iterator[None]:
    """What the daemon could not do is an error of the protocol, in the words of the tools."""
    try:
        yield
    except (MCPError, resources.Unknown, prompts.Unwritable):
        raise
    except ToolError as error:
        raise MCPError(types.INTERNAL_ERROR, str(error)) from None
    except DaemonAbsent:
        raise MCPError(types.INTERNAL_ERROR, ABSENT) from None
    except AimxError as error:
        raise MCPError(types.INTERNAL_ERROR, told(error)) from None
    except Exception as error:  # noqa: BLE001  a shell: no client sees an exception
        log.error("resource-failed", why=f"{type(error).__name__}: {error}")
        raise MCPError(types.INTERNAL_ERROR, told(error)) from None


def _listed(one: resources.Listed) -> types.Resource:
    annotations = types.Annotations(audience=list(one.audience), last_modified=one.modified or None)
    return types.Resource(
        uri=one.uri,
        name=one.name,
        title=one.title,
        description=one.description,
        mime_type=one.kind,
        size=one.octets,
        annotations=annotations,
    )


def _prompt(one: prompts.Prompt) -> types.Prompt:
    arguments = [
        types.PromptArgument(name=argument.name, description=argument.description, required=argument.required)
        for argument in one.arguments
    ]
    return types.Prompt(name=one.name, title=one.title, description=one.description, arguments=arguments)
