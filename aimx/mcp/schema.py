"""Structs as JSON Schema, self-contained, and arguments checked against them. Computes only."""

from typing import Any

import msgspec


def of(kind: type[msgspec.Struct], closed: bool = False) -> dict[str, Any]:
    """The schema of an object, without references. `closed`: no other keys are allowed."""
    (reference,), known = msgspec.json.schema_components([kind], ref_template="{name}")
    found: dict[str, Any] = _inlined(reference, known)
    if closed:
        found["additionalProperties"] = False
    return found


def _inlined(schema: Any, known: dict[str, Any]) -> Any:
    """With every struct in its place, and without what says nothing: agents pay for each word of it."""
    if isinstance(schema, list):
        return [_inlined(one, known) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        own = known[schema["$ref"]]
        own = {key: what for key, what in own.items() if key not in ("title", "description")}  # they are for us
        return _inlined({**own, **{key: what for key, what in schema.items() if key != "$ref"}}, known)
    if "properties" in schema:
        named = {name: _inlined(what, known) for name, what in schema["properties"].items()}
        schema = {**schema, "properties": named}
        return schema if schema.get("required") else {key: what for key, what in schema.items() if key != "required"}
    without = {"anyOf"} if "type" in schema else set()  # told beside it, because not every client can choose
    if schema.get("default") in (None, "", []):
        without.add("default")
    return {key: _inlined(what, known) for key, what in schema.items() if key not in without}


def read(kind: type[msgspec.Struct], given: dict[str, Any], closed: bool = False) -> Any:
    """Arguments as a struct; null is the same as absent, and 5.0 as 5. Raises: msgspec.ValidationError saying what."""
    named = {key: _whole(value) for key, value in given.items() if value is not None}
    if closed and (unknown := sorted(named.keys() - {field.encode_name for field in msgspec.structs.fields(kind)})):
        known = ", ".join(field.encode_name for field in msgspec.structs.fields(kind))
        raise msgspec.ValidationError(f"unknown parameter `{unknown[0]}`; it takes {known}")
    return msgspec.convert(named, kind)


def _whole(value: Any) -> Any:
    """To JSON Schema 5.0 is an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
