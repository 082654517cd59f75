"""The wizard, step by step: what each shows, what each key does, and what the story gets to hear."""

import asyncio
from functools import wraps

import pytest

from aimx.errors import Failed
from aimx.provision.setup import api
from aimx.provision.setup.api import Options, SetupCancelled
from aimx.provision.setup.story import PreflightFailed
from tests.tui import works
from tests.tui.screens import driven
from tests.tui.works import Paper


def screen(test):
    """An asyncio test."""

    @wraps(test)
    def run(*args, **kwargs):
        asyncio.run(test(*args, **kwargs))

    return run


GIVEN = Options(domain="agent.example.com")


async def at_dns(ui):
    """To the records, the domain being given."""
    await ui.until("Asked ns1.example.com")


async def at_senders(ui):
    """To step 4."""
    await ui.until("All DNS records verified")
    await ui.press("enter")
    await ui.until("Who may your agents act for?")


async def at_catchall(ui):
    """To step 5."""
    await at_senders(ui)
    await ui.type("you@example.com")
    await ui.press("enter")
    await ui.until("Confirm?")
    await ui.press("enter")
    await ui.until("Create the catchall mailbox?")


@screen
async def test_from_nothing_to_a_mail_domain():
    host = Paper()
    async with driven(host) as ui:
        await ui.until("Enter the domain")
        await ui.type("agent.example.com")
        await ui.press("enter")
        await ui.until("Domain: agent.example.com")
        await ui.press("enter")
        await ui.until("Do you control the DNS")
        await ui.press("y")
        await at_catchall(ui)
        await ui.press("enter")
        await ui.until("AIMX has been set up successfully")
        assert "→ aimx agents setup" in ui.shown()
        assert "handoff" in ui.shown()
        await ui.press("enter")
        await ui.gone()
    assert ui.wizard.outcome is None
    assert host.answers == api.Answers("agent.example.com", ("you@example.com",), policy=True, catchall=True)
    words = "\n".join(ui.wizard.last_words(signs=True))
    assert words.startswith("AIMX setup — complete")
    assert "☑ Install AIMX (done)" in words
    assert "→ aimx agents setup" in words
    assert "claude -p" in words


@screen
async def test_a_host_that_is_set_up_is_only_verified_again():
    host = Paper(found=works.KNOWN, changes=())
    async with driven(host) as ui:
        await ui.until("Enter the domain")
        assert "agent.example.com" in ui.wizard.focused.value
        await ui.press("enter")
        await ui.until("All DNS records verified")
        await ui.press("enter")
        await ui.until("AIMX has been set up successfully")
        shown = ui.shown()
        await ui.press("q")
        await ui.gone()
    assert shown.count("skipped: ") == 3
    assert "skipped: TLS certificate" in shown
    assert host.answers is None


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("agent_example.com", "is no domain name"),
        ("localhost", "has no dot"),
        ("-x.example", "is no domain name"),
        ("agent.example.com", "✓ can be used"),
    ],
    ids=["underscore", "no-dot", "hyphen", "good"],
)
@screen
async def test_a_domain_is_judged_while_it_is_typed(typed, says):
    async with driven(Paper()) as ui:
        await ui.until("Enter the domain")
        await ui.type(typed)
        await ui.until(says)


@screen
async def test_a_bad_domain_or_none_goes_nowhere():
    async with driven(Paper()) as ui:
        await ui.until("Enter the domain")
        await ui.press("enter")
        await ui.until("✗ Type a domain here")
        await ui.type("x_y")
        await ui.press("enter")
        await ui.until("is no domain name")
        assert "Enter the domain" in ui.shown()


@screen
async def test_a_domain_that_is_not_confirmed_is_asked_for_again():
    async with driven(Paper()) as ui:
        await ui.until("Enter the domain")
        await ui.type("agnet.example.com")
        await ui.press("enter")
        await ui.until("Confirm?")
        await ui.press("n")
        await ui.until("Enter the domain")
        assert ui.wizard.focused.value == "agnet.example.com"


@screen
async def test_without_access_to_the_dns_it_ends_and_says_so():
    async with driven(Paper()) as ui:
        await ui.until("Enter the domain")
        await ui.type("agent.example.com")
        await ui.press("enter")
        await ui.until("Confirm?")
        await ui.press("enter")
        await ui.until("Do you control")
        await ui.press("n")
        await ui.gone()
    assert isinstance(ui.wizard.outcome, SetupCancelled)
    assert "You need DNS access" in ui.wizard.outcome.reason


@screen
async def test_another_domain_needs_yes_in_so_many_words():
    host = Paper(found=works.KNOWN, changes=())
    async with driven(host, Options(domain="other.example.com")) as ui:
        await ui.until("This host is set up for agent.example.com")
        assert ui.wizard.focused.id == "no"
        await ui.press("shift+tab")
        await ui.type("y")
        await ui.press("enter")
        await ui.until("Type yes to do it")
        await ui.type("es")
        await ui.press("enter")
        await ui.until("All DNS records verified")
    assert host.made == ["other.example.com"]


@screen
async def test_another_domain_is_left_alone_by_enter():
    async with driven(Paper(found=works.KNOWN), Options(domain="other.example.com")) as ui:
        await ui.until("This host is set up for agent.example.com")
        await ui.press("enter")
        await ui.gone()
    assert isinstance(ui.wizard.outcome, SetupCancelled)
    assert "agent.example.com stays as it is" in ui.wizard.outcome.reason


@screen
async def test_records_are_looked_for_again_by_enter():
    host = Paper(looks=[works.WRONG, works.RIGHT])
    async with driven(host, GIVEN) as ui:
        await at_dns(ui)
        assert "✗ wrong" in ui.shown()
        assert "2 of 5 are right" in " ".join(ui.shown().split())
        await ui.press("enter")
        await ui.until("All DNS records verified")


@screen
async def test_records_are_looked_for_again_without_a_key():
    host = Paper(looks=[works.WRONG, works.WRONG, works.RIGHT])
    async with driven(host, GIVEN, again_s=0.01) as ui:
        await ui.until("All DNS records verified")


@screen
async def test_a_look_that_fails_says_why_and_keeps_what_was_seen():
    host = Paper(looks=[works.WRONG, Failed("no name server answers"), works.RIGHT])
    async with driven(host, GIVEN) as ui:
        await at_dns(ui)
        await ui.press("enter")
        await ui.until("✗ no name server answers")
        assert "✗ wrong" in ui.shown()
        await ui.press("enter")
        await ui.until("All DNS records verified")


@screen
async def test_records_can_wait():
    async with driven(Paper(looks=[works.WRONG]), GIVEN) as ui:
        await at_dns(ui)
        await ui.press("q")
        await ui.until("Who may your agents act for?")
        await ui.press("shift+tab", "up", "up")
        await ui.until("run `aimx doctor` to re-verify")


@screen
async def test_a_record_is_copied_whole():
    async with driven(Paper(looks=[works.WRONG]), GIVEN) as ui:
        await at_dns(ui)
        await ui.press("down", "down", "down", "c")
        await ui.until("clipboard of your terminal: value of TXT aimx._domainkey")
        assert ui.wizard.clipboard == works.KEY
        await ui.press("n")
        await ui.until("name of TXT")
        assert ui.wizard.clipboard == "aimx._domainkey.agent.example.com"
        await ui.press("down", "down", "c")
        await ui.until("set at the provider of the server")


@screen
async def test_the_zone_file_is_written_where_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "agent.example.com.zone"
    async with driven(Paper(looks=[works.WRONG]), GIVEN, size=(120, 40)) as ui:
        await at_dns(ui)
        await ui.press("z")
        await ui.until("Write the records as a zone file")
        await ui.press("enter")
        await ui.until("Zone file written")
        assert path.read_text() == works.zone().file
        await ui.press("z", "enter")
        await ui.until("is there already")
        await ui.press("escape")
        await ui.until("Look now")


@screen
async def test_nobody_is_trusted_only_after_a_warning():
    host = Paper()
    async with driven(host, GIVEN) as ui:
        await at_senders(ui)
        await ui.press("enter")
        await ui.until("hooks will NOT fire")
        assert "⚠" in ui.shown()
        await ui.press("n")
        await ui.until("Who may your agents act for?")
        await ui.press("enter")
        await ui.until("Leave hooks disabled?")
        await ui.press("y")
        await ui.until("Create the catchall mailbox?")
        await ui.press("n")
        await ui.until("successfully")
        await ui.press("enter")
        await ui.gone()
    assert host.answers == api.Answers("agent.example.com", (), policy=True, catchall=False)
    assert "hooks will NOT fire" in "\n".join(ui.wizard.last_words(signs=True))


@screen
async def test_senders_that_replace_nobody_leave_no_warning():
    async with driven(Paper(), GIVEN) as ui:
        await at_senders(ui)
        await ui.press("enter")
        await ui.until("Leave hooks disabled?")
        await ui.press("n")
        await ui.until("Who may your agents act for?")
        await ui.type("a@b.example, nonsense")
        await ui.until("invalid sender 'nonsense'")
        await ui.press(*["backspace"] * len(", nonsense"))
        await ui.until("✓ 1 trusted sender")
        await ui.press("enter")
        await ui.until("• a@b.example")
        assert "NOT fire" not in ui.shown()


@screen
async def test_back_goes_to_the_question_before_with_what_was_typed():
    async with driven(Paper(), GIVEN) as ui:
        await at_catchall(ui)
        await ui.press("escape")
        await ui.until("Who may your agents act for?")
        assert ui.wizard.focused.value == "you@example.com"
        await ui.press("escape")
        await ui.until("All DNS records verified")


UNREACHED = api.Preflight(None, api.Reach(True), api.Reach(False, "connection timed out"), "203.0.113.7", None)


@screen
async def test_a_failure_is_told_in_place_and_can_be_tried_again():
    host = Paper(reach=[UNREACHED, works.REACHED])
    async with driven(host, GIVEN) as ui:
        await ui.until("Port 25 checks failed")
        assert "Inbound port 25: connection timed out" in ui.shown()
        assert "✗ 1" in ui.shown()
        await ui.press("enter")
        await ui.until("All DNS records verified")
        assert "failed" not in ui.shown()


@screen
async def test_a_failure_that_is_left_ends_as_the_plain_program_does():
    async with driven(Paper(reach=UNREACHED), GIVEN) as ui:
        await ui.until("Port 25 checks failed")
        await ui.press("q")
        await ui.gone()
    assert isinstance(ui.wizard.outcome, PreflightFailed)
    words = "\n".join(ui.wizard.last_words(signs=True))
    assert "✗ Preflight checks on port 25 (failed)" in words
    assert "connection timed out" in words


@screen
async def test_an_installation_that_failed_is_taken_up_again():
    host = Paper(failure=Failed("aimx.service did not bind port 25.\nLog: address in use"))
    async with driven(host, GIVEN) as ui:
        await at_catchall(ui)
        await ui.press("enter")
        await ui.until("did not bind port 25")
        await ui.until("Log: address in use")
        await ui.press("r")
        await at_senders(ui)
        await ui.until("✓ 1 trusted sender")
        await ui.press("enter")
        await ui.until("Confirm?")
        await ui.press("enter")
        await ui.until("Create the catchall mailbox?")
        await ui.press("enter")
        await ui.until("successfully")


@screen
async def test_a_host_where_setup_cannot_go_on_says_why():
    problem = works.NEW._replace(problem="config.toml line 3: no such key")
    async with driven(Paper(found=problem)) as ui:
        await ui.until("config.toml line 3: no such key")
        await ui.press("q")
        await ui.gone()
    assert ui.wizard.outcome.reason == "config.toml line 3: no such key"


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+q", "escape", "enter"])
@pytest.mark.parametrize(
    ("where", "stands"),
    [("preflight", "Nothing was changed."), ("install", "The DKIM pair was made.")],
    ids=["preflight", "install"],
)
@screen
async def test_what_takes_time_can_be_ended(where, stands, key):
    host = Paper(hang=where)
    async with driven(host, GIVEN) as ui:
        if where == "install":
            await at_catchall(ui)
            await ui.press("enter")
        await ui.until("Installing" if where == "install" else "Trying port 25")
        if key == "enter":
            await ui.press("tab")
        await ui.press(key)
        await ui.until("End setup now?")
        await ui.until(stands)
        await ui.press("y")
        await ui.gone()
    assert isinstance(ui.wizard.outcome, SetupCancelled)


@screen
async def test_enter_in_the_question_about_the_end_goes_on():
    async with driven(Paper(), GIVEN) as ui:
        await at_senders(ui)
        await ui.press("ctrl+c")
        await ui.until("The DKIM pair was made.")
        await ui.press("enter")
        await ui.type("x@y.example")
        await ui.until("✓ 1 trusted sender")
        await ui.press("ctrl+c", "ctrl+c")
        await ui.gone()
    assert isinstance(ui.wizard.outcome, SetupCancelled)


@screen
async def test_a_defect_of_ours_ends_without_a_traceback_on_the_screen():
    async with driven(Paper(failure=ZeroDivisionError("x")), GIVEN) as ui:
        await at_catchall(ui)
        await ui.press("enter")
        await ui.gone()
    assert isinstance(ui.wizard.outcome, ZeroDivisionError)


@screen
async def test_help_names_the_keys_of_the_step():
    async with driven(Paper(looks=[works.WRONG]), GIVEN) as ui:
        await at_dns(ui)
        await ui.press("question_mark")
        await ui.until("Copy the value of the chosen record")
        await ui.press("escape")
        await ui.until("Zone file")
