"""What pages say with a number, a mode or a default, and where it comes from: page, sentence, what stands in its {}.

Generated pages, tables of limits that have tests of their own, and words of protocols are not here.
"""

import re

from aimx import limits
from aimx.config import load
from aimx.model.config import Hook
from aimx.provision.setup import survey
from tests.docs.pages import ROOT

_WORDS = dict(enumerate(["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]))
Claim = tuple[object, ...]  # the sentence, with a {} for each value behind it


def word(number: float) -> str:
    """A small number as prose writes it."""
    return _WORDS[int(number)]


def kib(octets: int) -> str:
    """Octets in KiB."""
    return f"{octets // limits.KIB} KiB"


def mib(octets: int) -> str:
    """Octets in MiB."""
    return f"{octets // limits.MIB} MiB"


def hours(seconds: float) -> str:
    """Seconds in hours."""
    return f"{seconds / 3600:g} hours"


def source(path: str, pattern: str) -> str:
    """The one group of `pattern` in a file of the program, the same wherever it is found."""
    found = set(re.findall(pattern, (ROOT / path).read_text(), re.MULTILINE))
    assert len(found) == 1, (path, pattern, found)
    return str(found.pop())


def unit(key: str) -> str:
    """The value of a key in the unit that setup installs."""
    return source("aimx/provision/service/systemd.py", rf"^{key}=(.*)$")


DEFAULTS = load.parse(b'domain = "agent.test"', "c", None)
HOOK = Hook("", "on_receive", ())
_STAGING, _TREE = "aimx/store/staging.py", "aimx/store/tree.py"
_CERTIFICATE, _KEYS = "aimx/provision/setup/certificate.py", "aimx/effects/keyfiles.py"
PRIVATE_KEY = "0" + source(_KEYS, r"0o(\d+) if name == PRIVATE")
PUBLIC_KEY = "0" + source(_KEYS, r"if name == PRIVATE else 0o(\d+)")
BOX = "0" + source("aimx/store/mailbox.py", r"make_directory\(mailbox, 0o(\d+)")
MAIL = "0" + source(_STAGING, r"write_new\(.*0o(\d+)")
PRIVATE = "0" + source(_TREE, r"def _private[^\0]*?0o(\d+), parent")
PASSABLE = "0" + source(_TREE, r"def _root[^\0]*?0o(\d+), parent")
CONFIG = "0" + source("aimx/config/edit.py", r"^_MODE = 0o(\d+)")
ORIGINS = "0" + source("aimx/config/origins.py", r"^_MODE = 0o(\d+)")
SOCKET = "0" + source("aimx/daemon/verbd.py", r"^_MODE = 0o(\d+)")
TLS_OUT = source("aimx/effects/network.py", r"TLSv(\d_\d)").replace("_", ".")

_WIDE = source("aimx_tui/dash/frame.py", r'\((\d+), "-wide"\)')

CLAIMS: dict[str, tuple[Claim, ...]] = {
    "cli.md": (
        ("however often the command is run within {}", hours(limits.CLAIM_S)),
        ("or was skipped: the last {}, with", limits.HOOK_RUNS_ROWS_MAX),
        ("a greater limit counts as {}", limits.HOOK_RUNS_ROWS_MAX),
        ("| {} | how many lines; 0 with", limits.LOG_LINES),
        ("(RSA, {} bits)", limits.DKIM_KEY_BITS),
        ("cut into strings of {} octets", limits.TXT_STRING_OCTETS),
    ),
    "configuration.md": (
        ("owned by root, mode {}.", CONFIG),
        ("takes the name of the old one, with mode {}.", CONFIG),
        ("| integer | {} | SMTP connections at once, 1 to {}, of which", DEFAULTS.max_connections,
         limits.CONNECTIONS_MAX),
        ("| integer | {} | of these, of one address (loopback has no such limit), 1 to {} |",
         DEFAULTS.max_connections_per_peer, limits.CONNECTIONS_MAX),
        ("| integer | {} | runs of one hook at once, 0 to {}; 0:", DEFAULTS.hook_concurrency,
         limits.HOOK_CONCURRENCY_MAX),
        ("| integer | {} | fires of one hook in one conversation within {}, 0 to {}; 0:", DEFAULTS.hook_thread_budget,
         hours(limits.HOOK_BUDGET_WINDOW_S), limits.HOOK_THREAD_BUDGET_MAX),
        ("control characters, at most {} octets", limits.FILE_NAME_OCTETS),
        ("at most {}, not beginning", int(source("aimx/config/hooks.py", r"\{0,(\d+)\}\\Z")) + 1),
        ("| integer | {} | 1 to {}; then TERM, {} seconds", HOOK.timeout_secs, limits.HOOK_TIMEOUT_MAX_S,
         word(limits.HOOK_KILL_AFTER_S)),
        ("{} under the service that setup installs", (int(unit("LimitNOFILE")) - limits.RESERVED_DESCRIPTORS)
         // limits.DESCRIPTORS_PER_CONNECTION),
    ),
    "delivery.md": (
        ("equal ones in random order, at most {} hosts", limits.MX_HOSTS),
        ("wherever it is offered, with TLS {} or later", TLS_OUT),
    ),
    "dns.md": (("of more than {} octets is a row of strings", limits.TXT_STRING_OCTETS),),
    "events.md": (
        ("they wait in memory, up to {} of them", limits.EVENTS_UNLOGGED),
        ("nothing for {:.0f} seconds. Its cursor", limits.STREAM_HEARTBEAT_S),
        ("takes nothing for {:.0f} seconds while", limits.STREAM_STALL_S),
        ("At most {} streams of one user and {} in all", limits.WATCHERS_PER_UID, limits.WATCHERS),
        ("more than {} events ago", limits.EVENTS_KEPT),
    ),
    "faq.md": (
        ("The first {} hexadecimal digits of the SHA-256", source("aimx/mime/fields.py", r"hexdigest\(\)\[:(\d+)\]")),
    ),
    "getting-started.md": (("stops it after the mails in transit, at most {:.0f} seconds later", limits.DRAIN_S),),
    "hook-recipes.md": (
        ("install -d -m {} /var/log/aimx", f"{survey.LOG_MODE:o}"),
        ("`timeout_secs` is {} unless said otherwise", HOOK.timeout_secs),
        ("`--timeout-secs {}` is the most", limits.HOOK_TIMEOUT_MAX_S),
    ),
    "hooks.md": (
        ("gets a name of {} hexadecimal digits", source("aimx/config/naming.py", r"hexdigest\(\)\[:(\d+)\]")),
        ("may have {} hooks on a mailbox, of at most {} words each, which together take {}", limits.HOOKS_PER_MAILBOX,
         limits.HOOK_WORDS, kib(limits.HOOKS_OCTETS_PER_OWNER)),
        ("for root only (mode {})", ORIGINS),
        ("with reason: the last {}, newest first", limits.HOOK_RUNS_ROWS_MAX),
        ("The last {} runs are kept, and all of the last {}", limits.RUNS_KEPT, hours(limits.HOOK_BUDGET_WINDOW_S)),
        ("({} unless the configuration says otherwise, 0 for no limit) within {}", DEFAULTS.hook_thread_budget,
         hours(limits.HOOK_BUDGET_WINDOW_S)),
        ("in answer, within the last {}", hours(limits.HOOK_BUDGET_WINDOW_S)),
        ("{} hooks run at once, of one owner at most {},", limits.HOOK_POOL, limits.HOOK_POOL_OF_OWNER),
        ("umask {} and no core dumps", source("aimx/effects/privileges.py", r"umask\(0o(\d+)\)")),
        ("Each is one line of at most {}, all together have {};", kib(limits.HOOK_ENV_VALUE_OCTETS),
         kib(limits.HOOK_ENV_OCTETS)),
        ("(configuration.md), {} by default", DEFAULTS.hook_memory_max),
        ("`TasksMax={}`", limits.HOOK_TASKS),
        ("TERM at the limit, KILL {} seconds later", word(limits.HOOK_KILL_AFTER_S)),
        ("it gets TERM, {} seconds later KILL", word(limits.HOOK_KILL_AFTER_S)),
        ("it gets TERM and {} seconds later KILL", word(limits.HOOK_KILL_AFTER_S)),
        ("`FileDescriptorStoreMax={}`", unit("FileDescriptorStoreMax")),
        ("Of the output the last {} are kept", kib(limits.HOOK_OUTPUT_OCTETS)),
    ),
    "index-and-search.md": (
        ("Of one directory {} entries", {1_000_000: "a million"}[limits.MAILBOX_ENTRIES]),
        ("Of a body the first {}.", kib(limits.INDEX_TEXT_OCTETS)),
        ("after {} characters at least", word(limits.SEARCH_PREFIX_CHARACTERS)),
        ("works for {} second at most on a page", word(limits.SEARCH_S)),
        ("to go on from after {} seconds", word(limits.SEARCH_MOST_S)),
        ("At most {} terms and {} words in one search, {} of them with a star", limits.SEARCH_TERMS,
         limits.SEARCH_WORDS, word(limits.SEARCH_PREFIXES)),
        ("up to {} messages", limits.CONVERSATION_ROWS),
    ),
    "mailboxes-and-email.md": (
        ("are 1 to {} of the characters", limits.LOCAL_PART_OCTETS),
        ("makes at most {} mailboxes", limits.MAILBOXES_PER_USER),
        ("directories of its owner, mode {},", BOX),
        ("same mailbox within {}", hours(limits.REPEAT_S)),
        ("support/ alice:alice {}", BOX),
        (".aimx/ root {}", PRIVATE),
        ("belong to the owner with mode {}. Files in them belong to root with mode {}:", BOX, MAIL),
        ("up to {} characters of the subject", limits.SLUG_CHARACTERS),
        ("{} hex digits, the same for all mails", source("aimx/mime/fields.py", r"hexdigest\(\)\[:(\d+)\]")),
    ),
    "markdown.md": (
        ("no wider than {} pixels", source("aimx/mime/stylesheet.py", r"max-width:\s*(\d+)px")),
    ),
    "mcp.md": (
        ("gives {} rows, {} at most; more than that is taken as {}", limits.LIST_ROWS, limits.LIST_ROWS_MAX,
         limits.LIST_ROWS_MAX),
        ("A file of at most {} comes", mib(limits.MCP_EMAIL_OCTETS)),
        ("WebP of at most {} as pictures", mib(limits.MCP_PICTURE_OCTETS)),
        ("within {} the same letter under the same key", hours(limits.CLAIM_S)),
        ("A message may have {}.", mib(limits.MCP_LINE_OCTETS)),
        ("for {:.0f} seconds at most, and ends with 0", limits.MCP_DRAIN_S),
    ),
    "operations.md": (
        ("is an hour of {} messages a second in", source("tests/soak/traffic.py", r"inbound: float = (\d+)\.0")),
        ("root's, mode {}, within directories of the owner's with mode {}.", MAIL, BOX),
        ("| stays {}, keeps comments", CONFIG),
        ("up to {} for what arrives, {} for what is being sent", mib(limits.MEMORY_OCTETS),
         mib(limits.OUTBOUND_MEMORY_OCTETS)),
        ("at most {} GiB of address space", limits.WORKER_MEMORY_OCTETS // limits.MIB // 1024),
        ("its own: {} under systemd", DEFAULTS.hook_memory_max),
        ("while sessions get {:.0f} to end", limits.DRAIN_S),
    ),
    "reading.md": (
        ("{} rows unless `--limit` says otherwise, {} at most", limits.LIST_ROWS, limits.LIST_ROWS_MAX),
        ("up to {} messages", limits.CONVERSATION_ROWS),
        ("root's with mode {}, as all that it writes", MAIL),
    ),
    "security.md": (
        ("to the power of {}, where", source("tests/fuzz/cost.py", r"^EXPONENT = (.*)$")),
        ("From {} seconds on, every family", source("tests/fuzz/__main__.py", r"^_LONG_S = (\d+)\.0")),
        ("(mode {}) on purpose", SOCKET),
        ("| `/etc/aimx/config.toml` | {} | root", CONFIG),
        ("| `/etc/aimx/hook-origins.json` | {} | root", ORIGINS),
        ("| `/etc/aimx/dkim/private.key` | {} | root", PRIVATE_KEY),
        ("| `/etc/aimx/dkim/public.key` | {} | root", PUBLIC_KEY),
        ("| `/etc/ssl/aimx/key.pem` | {} | root | STARTTLS; `cert.pem` beside it is {}",
         "0" + source(_CERTIFICATE, r"KEY, pair\.key, 0o(\d+)"),
         "0" + source(_CERTIFICATE, r"CERTIFICATE, pair\.certificate, 0o(\d+)")),
        ("`sent/<mailbox>/` | {} | the owner", BOX),
        ("| message files and attachments | {} | root", MAIL),
        ("| `/var/lib/aimx/.aimx/` | {} | root", PRIVATE),
        ("| `/run/aimx/` | {} | root", "0" + source("aimx/daemon/verbd.py", r"path\.chmod\(0o(\d+)\)")),
        ("| `/run/aimx/aimx.sock` | {} | root", SOCKET),
        ("| `/var/log/aimx/` | {} | root", f"{survey.LOG_MODE:o}"),
        ("| `/etc/aimx/dkim/private.key` | {} | PKCS#1", PRIVATE_KEY),
        ("| `/etc/aimx/dkim/public.key` | {} | SubjectPublicKeyInfo", PUBLIC_KEY),
        ("| `/etc/aimx/dkim/<selector>/` | {} | the pair", "0" + source(_KEYS, r'ensure_directory\("dkim", 0o(\d+)')),
        ("| `/etc/aimx/` | {} | root",
         "0" + source("aimx/provision/setup/actions.py", r"directory\(config_dir, 0o(\d+)\)")),
        ("`inbox/`, `sent/` | {} | root", PASSABLE),
    ),
    "sending.md": (
        ("is at most {}. The type", mib(limits.FRAME_BODY_OCTETS)),
        ("Within {} the same letter under the same key", hours(limits.CLAIM_S)),
        ("A key has at most {} characters, and {} are remembered", limits.CLAIM_KEY_CHARACTERS, limits.CLAIMS_PER_UID),
    ),
    "setup.md": (
        ("is looked up again every {:.0f} seconds", limits.SETUP_LOOK_S),
        ("the domain as its name, {} days) and key ({})", limits.CERTIFICATE_DAYS,
         "0" + source(_CERTIFICATE, r"KEY, pair\.key, 0o(\d+)")),
        ("may log, mode {}", f"{survey.LOG_MODE:o}"),
        ("root's, mode {}", CONFIG),
        ("with its owner and mode {}", BOX),
        ("own that ends within {:.0f} days", limits.CERTIFICATE_RENEW_S / 86_400),
        ("gives sessions {:.0f} seconds to end", limits.DRAIN_S),
        ("started again after {} seconds, at most {} times a minute", unit("RestartSec").removesuffix("s"),
         unit("StartLimitBurst")),
    ),
    "socket.md": (
        ("[once](sending.md#once) in {};", hours(limits.CLAIM_S)),
        ("the socket has mode {}.", SOCKET),
        ("A line has at most {} octets of UTF-8, a request at most {} headers", limits.HEADER_LINE_OCTETS,
         limits.FRAME_HEADERS),
        ("at most {} ({}) for each body", limits.FRAME_BODY_OCTETS, mib(limits.FRAME_BODY_OCTETS)),
        ("at most {} octets and {} fields, and what is below", limits.SUBMITTED_HEAD_OCTETS, limits.SUBMITTED_FIELDS),
        ("all delivered, {} addresses at most", limits.RECIPIENTS),
        ("Everybody but root may have {},", limits.MAILBOXES_PER_USER),
        ("`Limit` is {} unless given and {} at most", limits.LIST_ROWS, limits.LIST_ROWS_MAX),
        ("{} unless less is asked for, and whole characters", mib(limits.READ_PIECE_OCTETS)),
        ("newest first: {}, or `Limit`, {} at most", limits.HOOK_RUNS_ROWS, limits.HOOK_RUNS_ROWS_MAX),
        ("the last {} characters of `stdout_tail` and `stderr_tail`. At most {} of one user",
         limits.HOOK_TEST_TAIL_CHARACTERS,
         word(limits.HOOK_TESTS_PER_UID)),
        ("A request of up to {} is not refused", kib(limits.FRAME_SMALL_OCTETS)),
    ),
    "troubleshooting.md": (
        ("less than {}, less than {}, or less than a twentieth of the inodes", mib(limits.DISK_FULL_OCTETS),
         mib(limits.DISK_FREE_OCTETS)),
        ("everybody can read it; {} is what", CONFIG),
        ("wait for more than {} minutes", word(limits.DOCTOR_HOOK_WAIT_S / 60)),
        ("has had its {} runs of this hook within {}", DEFAULTS.hook_thread_budget, hours(limits.HOOK_BUDGET_WINDOW_S)),
        ("# the last {} lines", limits.LOG_LINES),
        ("`journalctl -u aimx -n {}`", limits.LOG_LINES),
        ("is root's with mode {}:", PRIVATE_KEY),
        ("one that did not answer within {} second", {0.5: "half a"}[limits.PROBE_S]),
    ),
    "threats.md": (
        ("`452` after {}; one copy", limits.RECIPIENTS),
        ("control characters, {} octets and more", limits.LOCAL_PART_OCTETS + 1),
        ("| {} signatures are looked at, in bounded time", word(limits.DKIM_SIGNATURES)),
        ("TLS {} is the oldest", source("aimx/daemon/certificate.py", r"TLSVersion\.TLSv(1_\d)$").replace("_", ".")),
        ("| {} mailboxes, {} hooks, {} |", limits.MAILBOXES_PER_USER, limits.HOOKS_PER_MAILBOX,
         kib(limits.HOOKS_OCTETS_PER_OWNER)),
    ),
    "trust.md": (
        ("the first {} signatures", word(limits.DKIM_SIGNATURES)),
        ("keys of {} to {} bits", limits.DKIM_KEY_BITS_MIN, limits.DKIM_KEY_BITS_MAX),
    ),
    "tui.md": (
        ("of fewer than {} columns", _WIDE),
        ("beside it from {} columns on", _WIDE),
        ("The first {} are there at once", kib(limits.TUI_FIRST_OCTETS)),
        ("up to {} million characters", limits.TUI_BODY_CHARACTERS // limits.MIB),
        ("with mode {}, never over something", "0" + source("aimx_tui/dash/mail/saving.py", r"flags, 0o(\d+)")),
        ("when the cursor has rested on it for {} second", {1.0: "a"}[limits.TUI_REST_S]),
    ),
    "upgrading.md": (("its sessions get {:.0f} seconds to end", limits.DRAIN_S),),
}  # fmt: skip

# Numbers that are no claims of ours, or that a test of its own compares: what they stand in is passed over.
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "*": (  # words of protocols and of other programs; steps and exit codes are small numbers
        r"RFC \d+", r"[pP]orts? \d+", r"SHA-?256", r"UTF-8|IPv[46]|POP3|FTS5|SMTPUTF8|base64|7bit|AIMX/1",
        r"(?m:^\d+\. )",
        r"(?:exit code is|Exit codes?:?|exit code|steps?) -?\d+(?: to \d)?",
    ),
    "cli.md": (r"\b(?:0|1|2|3|130|141)\b", r"place of 25"),  # tests/cli/test_exit_codes.py, test_reference.py
    "delivery.md": (r"100\.64\.0\.0/10", r"2yz", r"\|[^|\n]+\| [\d, A-Za-z]+ \|$"),  # test_delivery_page.py
    "dns.md": (r"198\.51\.100\.7", r"below 100", r"48 hours"),  # what registrars and caches do
    "events.md": (r"is -1 when",),
    "extensions.md": (r"\| \d[^|]* \|",),  # test_extensions_page.py
    "faq.md": (r"465 and 587|and 587",),
    "getting-started.md": (r"python3(?:-venv)?", r"127\.0\.0\.1"),
    "hook-recipes.md": (r"code but 0",),
    "hooks.md": (r"some 40 MiB", r"exit code is 0|otherwise 1", r"systemd 254", r"uid 0"),
    "installation.md": (  # test_installation_page.py, tests/install
        r"Debian 12(?: and 13)?|Ubuntu 23\.04|Fedora 37|glibc 2\.36|64-bit", r"\(130, 143, 129\)|\(141, ", r"python3",
        r"; [12]: ", r"HTTP 403",
    ),
    "mailboxes-and-email.md": (r"What 250 means", r"\| [01] \|$"),  # test_sent_page.py
    "markdown.md": (r"\| [\d,]+(?: MiB)? \|", r"5 KB take[^.]*"),  # test_markdown_page.py, tests/bench
    "mcp.md": (r"2026-07-28|2024-11-05|-32602",),  # of the protocol
    "operations.md": (r"with 0600, as the original", r"some \d+ MB", r"usually 4 KiB", r"1 GB", r"other than 0",
        r"25/tcp", r"for 90 days", r"kills after 10 seconds"),  # test_operations_page.py; Docker's
    "security.md": (r"rsa-sha256", r"2n, 4n"),
    "sending.md": (r"\| [0-3] \|",),  # tests/cli/test_send.py
    "setup.md": (r"F[19]", r"P-256"),
    "socket.md": (r"may be 0|be 0;|\(default 0\)", r"\| (?:within )?\d+[^|]* \|$"),  # test_socket_page.py
    "threats.md": (  # what is tried; what shows it, test_threats_page.py
        r"^\| [A-Z, ]+ \| [^|]* \|", r"and the \d+ after it", r"a 2yz",
    ),
    "trust.md": (r"Ed25519",),
    "tui.md": (r"Mode 1", r"OSC 52"),
    "upgrading.md": (r"2\.0\.0", r"(?:Exit codes: |; |but |: )(?:0|1|2|130)\b", r"step [1-5]"),
}  # fmt: skip
