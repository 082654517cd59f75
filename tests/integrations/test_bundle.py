"""What is installed for each agent, on file: `UPDATE_GOLDEN=1` writes it anew. The texts themselves are tests/docs'."""

import os
import re
from pathlib import Path

import pytest
import yaml

from aimx.integrations import bundle, homes, install, registry
from aimx.integrations.api import Program

GOLDEN = Path(__file__).parent / "golden"
HOME = homes.of("alice", Path("/home/alice"), {})
PROGRAMS = {
    "plain": Program("/usr/local/bin/aimx", None),
    "data-dir": Program("/usr/local/bin/aimx", Path("/custom/path")),
    "prefix": Program("/opt/my aimx/bin/aimx", Path("/srv/a 'b' \"c\"\\d")),
    "module": Program("/usr/bin/python3", None, ("-I", "-m", "aimx.cli.main")),
}
MARKED = re.compile(r"\s*(#|<a id=|<!-- aimx)")
agents = pytest.mark.parametrize("agent", registry.agents(), ids=lambda agent: agent.name)


def shown(agent, program):
    """The tree and the activation; of long texts only which they are."""
    lines = []
    for file in bundle.files(agent, program):
        lines.append(f"=== {agent.files.destination}/{file.path}")
        text = file.text.replace(bundle.stamp(agent), "<stamp>")
        beginning = text.splitlines().index(next(line for line in text.splitlines() if line.lstrip().startswith("## ")))
        lines += [line for at, line in enumerate(text.splitlines()) if at < beginning or MARKED.match(line)]
    lines.append("=== activation")
    lines += [f"{note.kind}: {note.text}" for note in install.activation(agent, HOME, program)]
    return "\n".join(lines) + "\n"


@agents
def test_the_tree(agent):
    text = "\n".join(f"##### {name}\n\n{shown(agent, program)}" for name, program in PROGRAMS.items())
    path = GOLDEN / f"{agent.name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text


@agents
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_the_front_matter_and_the_recipe_are_yaml(agent, program):
    text = bundle.files(agent, program)[0].text
    if agent.files.shape == "recipe":
        recipe = yaml.safe_load(text)
        (extension,) = recipe["extensions"]
        assert (extension["cmd"], extension["args"]) == (program.path, list(program.args()))
        assert recipe["prompt"].startswith("## Wiring yourself up")
    else:
        head = yaml.safe_load(text.split("---\n")[1])
        assert head["name"] == "aimx" and len(head["description"]) < 1024


@agents
def test_single_files_need_no_others(agent):
    files = bundle.files(agent, PROGRAMS["plain"])
    if agent.files.references == "inlined":
        assert len(files) == 1 and "references/" not in files[0].text
        for name in bundle.REFERENCES:
            assert f'<a id="{name}"></a>' in files[0].text
    assert tuple(file.path for file in files) == bundle.names(agent)


@agents
def test_the_stamp(agent):
    """It changes with what is installed, and not with where."""
    texts = {bundle.files(agent, program)[0].text for program in PROGRAMS.values()}
    assert {bundle.version_of(text) for text in texts} == {bundle.stamp(agent)}
