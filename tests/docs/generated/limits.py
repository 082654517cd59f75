"""book/limits.md: the limits that somebody may meet, with the numbers of the program."""

from aimx import limits
from tests.docs.generated.markup import document, table

HEAD = """\
# Limits

Made from the program's own numbers. Limits of SMTP: [SMTP](smtp.md#limits); of delivery:
[Delivery](delivery.md#limits); of the socket: [the socket](socket.md#limits); of bodies:
[Markdown](markdown.md#limits); of the verifier: [the verifier](verifier.md#limits). What is said beside a number, or on
the page of its subject, happens beyond it.
"""
GROUPS: dict[str, tuple[tuple[str, str], ...]] = {
    "Mail that is received": (
        ("NESTING", "parts inside parts; what is deeper is kept as one attachment"),
        ("PARTS", "parts of a message; the rest is kept as one attachment"),
        ("HEADER_FIELDS", "fields of one part's header; the rest is ignored"),
        ("ADDRESSES", "addresses read from one field"),
        ("HTML_OCTETS", "HTML that is turned into text, all parts together; the rest is attached"),
        ("HEADER_VALUE_CHARACTERS", "characters of one string in the frontmatter"),
        ("FILE_NAME_OCTETS", "octets of the name of an attachment or a mailbox"),
        ("SLUG_CHARACTERS", "characters of the subject in an id"),
        ("NAME_ATTEMPTS", "messages of one second and one subject in one mailbox"),
        ("EXAMINE_S", "one computation of a worker; then it is replaced and the message examined once more"),
        ("EXAMINE_DNS_S", "all DNS questions of one message"),
        ("REPEAT_S", "how long a delivery is remembered whose sender may not have seen our reply"),
    ),
    "SPF, DKIM and DMARC": (
        ("DKIM_SIGNATURES", "signatures of one message that are looked at, the first ones"),
        ("DKIM_KEY_BITS_MIN", "bits of an RSA key, at least"),
        ("DKIM_KEY_BITS_MAX", "bits of an RSA key, at most"),
        ("DKIM_KEY_BITS", "bits of a key that we make"),
        ("SPF_LOOKUPS", "look-ups of one SPF evaluation"),
        ("SPF_VOID_LOOKUPS", "of them without an answer"),
        ("DNS_QUERY_S", "one question with its retries"),
        ("DNS_TTL_MAX_S", "how long an answer is kept at most"),
    ),
    "Stored mail": (
        ("MAILBOX_ENTRIES", "entries of one directory that are looked at"),
        ("MARK_OCTETS", "a message file that can be marked as read"),
        ("FRONTMATTER_OCTETS", "frontmatter that is read back"),
        ("SPOOL_RETRY_S", "between two tries of a copy that waits in the spool"),
        ("EVENTS_KEPT", "events that are remembered"),
        ("EVENTS_UNLOGGED", "events that wait in memory while `state.db` cannot be written; the oldest go first"),
        ("RUNS_KEPT", "finished hook runs that are always remembered"),
    ),
    "Lists and searches": (
        ("LIST_ROWS", "rows of a page, unless asked otherwise"),
        ("LIST_ROWS_MAX", "rows of a page at most"),
        ("SEARCH_S", "one page of a search; then it tells where to go on"),
        ("SEARCH_MOST_S", "a search that has found no place to go on from is given up"),
        ("SEARCH_TERMS", "terms of one search"),
        ("SEARCH_WORDS", "words in all of them"),
        ("SEARCH_PREFIXES", "of them with a star"),
        ("INDEX_TEXT_OCTETS", "of a body that a search looks at"),
        ("CONVERSATION_ROWS", "messages of one conversation"),
    ),
    "Hooks": (
        ("HOOK_TIMEOUT_DEFAULT_S", "one run, unless `timeout_secs` says otherwise"),
        ("HOOK_TIMEOUT_MAX_S", "`timeout_secs` at most"),
        ("HOOK_KILL_AFTER_S", "from TERM to KILL"),
        ("HOOK_POOL", "runs at once"),
        ("HOOK_POOL_OF_OWNER", "of them for the mailboxes of one owner"),
        ("HOOK_TASKS", "processes and threads of one run, under systemd"),
        ("HOOK_OUTPUT_OCTETS", "that is kept of each output"),
        ("HOOK_ENV_VALUE_OCTETS", "one value in the environment"),
        ("HOOK_ENV_OCTETS", "all of them"),
        ("HOOK_THREAD_BUDGET", "runs of a hook in one conversation, unless `hook_thread_budget` says otherwise"),
        ("HOOK_BUDGET_WINDOW_S", "within this time"),
        ("HOOKS_PER_MAILBOX", "hooks that an owner may have on a mailbox"),
        ("HOOK_WORDS", "words of `cmd` in a hook that an owner makes"),
        ("HOOKS_OCTETS_PER_OWNER", "of `config.toml` that the hooks of one owner may take"),
        ("HOOK_TESTS_PER_UID", "tests of one user at once"),
    ),
    "Configuration": (
        ("CONFIG_OCTETS", "`config.toml`"),
        ("MAILBOXES_PER_USER", "mailboxes that a user makes for himself"),
        ("CONFIG_CHECK_S", "until an edit that was not reloaded is a line in the log"),
        ("USER_NAME_OCTETS", "octets of an owner's name"),
    ),
    "Sending": (
        ("RECIPIENTS", "recipients of one letter"),
        ("FRAME_BODY_OCTETS", "a letter as it is submitted"),
        ("OUTBOUND_OCTETS", "a letter as it leaves"),
        ("SUBMITTED_HEAD_OCTETS", "its header"),
        ("SUBMITTED_FIELDS", "fields of the header"),
        ("OUTBOUND_WAIT_S", "for room in memory; then the answer is `TEMP`"),
        ("CLAIM_S", "an idempotency key is remembered"),
        ("CLAIM_KEY_CHARACTERS", "characters of a key"),
        ("CLAIMS_PER_UID", "keys of one user"),
    ),
    "Agents": (
        ("MCP_EMAIL_OCTETS", "a message file that `email_read` gives in one answer"),
        ("MCP_ATTACHMENT_OCTETS", "an attachment that `attachment_read` looks into"),
        ("MCP_PICTURE_OCTETS", "a picture that it gives as one"),
        ("MCP_THREAD_ROWS", "emails of `thread_read`, unless asked otherwise"),
        ("MCP_THREAD_CHARACTERS", "characters of each of them"),
        ("WAIT_S", "`email_wait`, unless asked otherwise"),
        ("WAIT_MAX_S", "`email_wait` at most"),
        ("MCP_LINE_OCTETS", "one message of the protocol"),
    ),
    "Doctor and certificates": (
        ("DISK_FULL_OCTETS", "free on the disk: less is a failure"),
        ("DISK_FREE_OCTETS", "less is a warning"),
        ("DOCTOR_HOOK_WAIT_S", "a hook run that waits longer is a backlog"),
        ("CERTIFICATE_SOON_S", "a certificate that ends within is a warning"),
        ("CERTIFICATE_DAYS", "days that a certificate of setup's is valid"),
        ("CERTIFICATE_RENEW_S", "a certificate of setup's that ends within is made anew when setup runs"),
    ),
}
_TIMES = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def page() -> str:
    """The whole page."""
    return document(HEAD, *([f"## {title}", "", *_table(rows)] for title, rows in GROUPS.items()))


def _table(rows: tuple[tuple[str, str], ...]) -> list[str]:
    return table(["limit", "of what"], [[shown(name), words] for name, words in rows])


def shown(name: str) -> str:
    """A number of `limits` with its unit; an octet count of names and the like is a plain number."""
    number = getattr(limits, name)
    if name.endswith("_S"):
        size, unit = next((size, unit) for size, unit in _TIMES if number >= size and number % size == 0)
        return f"{number / size:g} {unit}{'s' if number != size else ''}"
    if name.endswith("_OCTETS") and number >= limits.KIB:
        size, unit = (limits.MIB, "MiB") if number >= limits.MIB else (limits.KIB, "KiB")
        return f"{number / size:g} {unit}"
    return f"{number:,}" if number > 9999 else str(number)
