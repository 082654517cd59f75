"""Structs as JSON Schema, self-contained, and arguments checked against them. Computes only."""

from typing import Any

import msgspec


def of(kind: type[msgspec.Struct], closed: bool = False) -> dict[str, Any]:
    """The schema of an object. `closed`: no other keys are allowed."""
    schema, others = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    (reference,) = schema
    name = reference["$ref"].rpartition("/")[2]
    found = dict(others.pop(name))
    for key in ("title", "description"):  # of the struct, which is for us
        found.pop(key, None)
    if not found.get("required"):
        found.pop("required", None)
    for described in found.get("properties", {}).values():
        if "type" in described:  # told beside a choice of types, because not every client can choose
            described.pop("anyOf", None)
    if closed:
        found["additionalProperties"] = False
    if others:
        found["$defs"] = others
    return found


def read(kind: type[msgspec.Struct], given: dict[str, Any], closed: bool = False) -> Any:
    """Arguments as a struct; null is the same as absent, and 5.0 as 5. Raises: msgspec.ValidationError saying what."""
    named = {key: _whole(value) for key, value in given.items() if value is not None}
    if closed and (unknown := sorted(named.keys() - {field.encode_name for field in msgspec.structs.fields(kind)})):
        raise msgspec.ValidationError(f"unknown parameter `{unknown[0]}`")
    return msgspec.convert(named, kind)


def _whole(value: Any) -> Any:
    """To JSON Schema 5.0 is an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
