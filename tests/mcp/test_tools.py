"""What tools/list says: the guide's twelve tools, to the letter, in both eras."""

import json

import jsonschema
import pytest

from aimx.mcp import table
from tests.mcp.agent import ERAS, Agent

# Guide, MCP chapter: parameters in order, required ones with *, and the default where there is one.
PARAMETERS = {
    "mailbox_list": "",
    "mailbox_create": "name*:string",
    "mailbox_delete": "name*:string force:boolean=false",
    "email_list": "mailbox*:string folder:string=inbox limit:integer=50 offset:integer=0",
    "email_read": "mailbox*:string id*:string folder:string=inbox",
    "email_send": (
        "from_mailbox*:string to*:string subject*:string body*:string text_only:boolean=false html_body:string"
        " attachments:array=[] reply_to:string references:string"
    ),
    "email_reply": "mailbox*:string id*:string body*:string text_only:boolean=false html_body:string",
    "email_mark_read": "mailbox*:string id*:string",
    "email_mark_unread": "mailbox*:string id*:string",
    "hook_create": (
        "mailbox*:string event*:string cmd*:array name:string timeout_secs:integer=60 fire_on_untrusted:boolean=false"
    ),
    "hook_list": "mailbox:string",
    "hook_delete": "name*:string",
}
# Read-only, destructive, idempotent, open world.
HINTS = {
    "mailbox_list": "T F T F", "mailbox_create": "F F T F", "mailbox_delete": "F T T F", "email_list": "T F T T",
    "email_read": "T F T T", "email_send": "F T F T", "email_reply": "F T F T", "email_mark_read": "F F T F",
    "email_mark_unread": "F F T F", "hook_create": "F T F F", "hook_list": "T F T F", "hook_delete": "F T T F",
}  # fmt: skip
CLOSED = {"mailbox_create", "mailbox_delete", "email_mark_read", "email_mark_unread"}  # reference section 3.2


@pytest.fixture(scope="module", params=ERAS)
def tools(request):
    return Agent(request.param, core=True).tools()


def _shown(name, schema):
    words = []
    for key, what in schema["properties"].items():
        star = "*" if key in schema.get("required", []) else ""
        default = f"={json.dumps(what['default'])}".replace('"', "") if "default" in what else ""
        words.append(f"{key}{star}:{what['type']}{default}")
    return " ".join(words)


def test_core_is_exactly_the_guides_twelve_in_its_order(tools):
    assert list(tools) == list(PARAMETERS)


def test_there_are_nineteen_at_most():
    assert 12 <= len(table.TOOLS) <= 19
    assert [tool.name for tool in table.TOOLS if tool.core] == list(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_the_guides(tools, name):
    """Optional ones of ours come after them."""
    assert f"{_shown(name, tools[name].input_schema)} ".startswith(f"{PARAMETERS[name]} ".lstrip())


@pytest.mark.parametrize("name", PARAMETERS)
def test_unknown_parameters_are_closed_out_where_the_original_does(tools, name):
    assert (tools[name].input_schema.get("additionalProperties") is False) == (name in CLOSED)


@pytest.mark.parametrize("name", PARAMETERS)
def test_all_hints_are_told(tools, name):
    notes = tools[name].annotations
    told = notes.read_only_hint, notes.destructive_hint, notes.idempotent_hint, notes.open_world_hint
    assert " ".join("T" if hint else "F" for hint in told) == HINTS[name]
    assert None not in told
    assert notes.title == tools[name].title


@pytest.mark.parametrize("name", [tool.name for tool in table.TOOLS])
def test_every_tool_is_described_in_full(name, daemon):
    tool = Agent("modern").tools()[name]
    assert tool.title
    assert tool.description.endswith(".")
    for schema in (tool.input_schema, tool.output_schema):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
    for key, what in tool.input_schema["properties"].items():
        assert what.get("description"), key
    assert "$ref" not in json.dumps(tool.input_schema), "some clients do not resolve them"


def test_the_schemas_do_not_depend_on_the_era():
    legacy, modern = (Agent(era).tools() for era in ERAS)
    assert legacy == modern
