"""Every number of aimx: named, with its unit and its source."""

KIB = 1024
MIB = 1024 * KIB

# SMTP session (R4)
MESSAGE_OCTETS = 25 * MIB  # guide: DEFAULT_MAX_BODY_SIZE
RECIPIENTS = 100  # RFC 5321 section 4.5.3.1.8
MESSAGES_PER_CONNECTION = 1000  # R4
CONNECTIONS = 512  # R4, config max_connections
CONNECTIONS_PER_PEER = 32  # R4, config max_connections_per_peer; loopback exempt
BACKLOG = 1024  # twice CONNECTIONS; a burst waits in the kernel rather than being refused
IDLE_S = 300.0  # RFC 5321 section 4.5.3.2.7
DATA_BLOCK_S = 180.0  # RFC 5321 section 4.5.3.2.5: between two pieces of DATA
DATA_TOTAL_S = 1800.0  # 25 MiB at 16 KiB/s; a drip-fed DATA ends here
SESSION_S = 4 * 3600.0  # a kept connection of a busy relay; nobody needs longer
TLS_HANDSHAKE_S = 30.0  # threats.md row 3
FAREWELL_S = 5.0  # for the last reply to leave; the connection is closed anyway
LINGER_S = 1.0  # after a 421, so that the peer reads it before a reset can overtake it
LINGER_OCTETS = 1 * MIB
COMMAND_READ_OCTETS = 4 * KIB  # one socket read between commands
COMMAND_LINE_OCTETS = 2048  # 512 of RFC 5321 plus extensions; threats.md row 4
SESSION_ERRORS = 20  # 5yz replies before the session ends (threats.md row 9)
RESERVED_DESCRIPTORS = 896  # RLIMIT_NOFILE: what is not for connections (store, hooks, helpers, clients, delivery)
DESCRIPTORS_PER_CONNECTION = 2  # the socket and a staging file
LOG_REPEAT_S = 60.0  # a condition that strangers can cause at will is logged once in this time
LOCAL_PART_OCTETS = 64  # RFC 5321 section 4.5.3.1.1
DOMAIN_OCTETS = 255  # RFC 5321 section 4.5.3.1.2
DRAIN_S = 30.0  # U7: graceful shutdown
LINE_OCTETS = 998  # RFC 5322 section 2.1.1, without CRLF
HEADER_OCTETS = 2 * MIB  # total header block; long References are legal, endless headers are not

# Memory (R4)
MEMORY_OCTETS = 256 * MIB  # over all sessions and frames
MALLOC_ARENAS = 2  # measured: a fifth of what the front has after 10,000 messages is in the others
MEMORY_WAIT_S = 30.0  # then 452 4.3.1
SPILL_OCTETS = 256 * KIB  # a DATA above this travels as a descriptor
STAGING_THREADS = 4  # writes of large DATA into unlinked files
EXAMINE_OCTETS = 256 * MIB  # text and header blocks of examined messages in the front, until they are committed
TEXT_FACTOR = 2  # of a message's size; text that grows more on its way into UTF-8 is nobody's letter
EXAMINE_FREE_OCTETS = 1 * MIB  # what costs less never waits behind what costs much
READ_OCTETS = 64 * KIB  # one socket read

# Examination (R6, threats.md rows 12-18)
EXAMINE_S = 20.0  # one computation of a worker; then it is killed and replaced
EXAMINE_DNS_S = 20.0  # all DNS rounds of a message (RFC 7208 section 4.6.4); what is open then is a temporary error
EXAMINE_WAIT_S = 240.0  # for a free worker; RFC 5321 section 4.5.3.2.6 lets a client wait 600 s for our reply
EXAMINE_ATTEMPTS = 2  # one retry, then stored unexamined
EXAMINE_VICTIMS = 8  # losses by the fault of another message's computation, not counted as attempts
NESTING = 100  # multipart depth; deeper parts are kept as one attachment
PARTS = 1000  # further parts are kept as one attachment
HEADER_FIELDS = 10_000  # per part; the rest is ignored
HTML_OCTETS = 1 * MIB  # of all HTML parts together: about a second of html2text; the rest is attached
FLOWED_CHARACTERS = 4 * MIB  # longer texts keep their lines; nobody wrote them by hand
HTML_OUTPUT_FACTOR = 4  # output beyond this multiple of the input (at least of the floor) is cut
HTML_OUTPUT_FLOOR = 8 * KIB  # a small table may legitimately grow
HEADER_VALUE_CHARACTERS = 1_048_576  # one frontmatter string
FRONTMATTER_FOREIGN_CHARACTERS = 1 * MIB  # written otherwise than we do: by hand, or by the original
FRONTMATTER_QUICK_OCTETS = 16 * KIB  # tomllib takes some hundredths of a second for the worst of that size
FRONTMATTER_KEY_PARTS = 64  # of a dotted key; two are many
FRONTMATTER_OCTETS = 12 * MIB  # read back: four octets for each one of a header, and 1000 attachment tables
ADDRESSES = 1000  # addresses read from one field
FILE_NAME_OCTETS = 200  # reference section 3.5
SLUG_CHARACTERS = 20  # guide
WORKER_MEMORY_OCTETS = 2048 * MIB  # RLIMIT_AS of a worker
WORKERS_MIN = 2  # also with one processor: a large message to compose then shares it with mail that arrives
WORKER_EXIT_S = 10.0  # from the end of its channel to the report of its end, on a machine that swaps
WORKER_FILES = 64  # RLIMIT_NOFILE: its channel, one message, what Python needs
RESOLVER_FILES = 4096  # RLIMIT_NOFILE: one socket per outstanding question
HELPER_READY_S = 30.0  # from the fork to the verified report; seconds only on a machine that swaps
SPAWNER_READY_S = 60.0  # from exec to ready, all imports included
SPAWNER_BACKOFF_S = (0.0, 0.0, 0.2, 1.0, 3.0)  # before each start in a row; after the last failure the daemon ends
SPAWNER_KILL_S = 1.0  # what it started, after KILL, while it ends itself
SPAWNER_EXIT_S = 2.0  # from the end of its channel to KILL
HELPER_BACKOFF_S = (0.0, 0.1, 0.5, 2.0, 5.0)  # before each start in a row; the last one for all further
FRAME_OCTETS = 96 * MIB  # one frame between processes

# Authentication (A1-A3)
DKIM_SIGNATURES = 5  # A1: the first five
DKIM_SIGNATURE_OCTETS = 16 * KIB  # one DKIM-Signature field; 1 KiB in practice
DKIM_HEADER_NAMES = 500  # names in h=; 60 in practice
DKIM_RECORD_CHARACTERS = 8192  # one key record; a 4096-bit key needs 750
DKIM_RECORDS = 3  # key records looked at under one name; RFC 6376 section 3.6.2.2 wants one
DKIM_KEY_BITS_MIN = 1024  # RFC 8301 section 3.2
DKIM_KEY_BITS_MAX = 4096  # RFC 8301 section 3.2
DKIM_KEY_BITS = 2048  # guide: keys that we make
KEY_FILE_OCTETS = 64 * KIB  # a PEM file of the largest key is a tenth of it
TXT_STRING_OCTETS = 255  # RFC 1035 section 3.3
DKIM_EXPONENT_MAX = 2**32 - 1  # cost bound; 65537 in practice
DKIM_NUMBER_DIGITS = 12  # t=, x=, l=; seconds and octets need no more
DKIM_CLOCK_SKEW_S = 3600  # t= and x= against our clock
SPF_LOOKUPS = 10  # RFC 7208 section 4.6.4
SPF_VOID_LOOKUPS = 2  # RFC 7208 section 4.6.4
SPF_RECORD_CHARACTERS = 8192  # RFC 7208 section 3.4 wants 450 octets; flattened ones reach 3000
SPF_TERM_CHARACTERS = 512  # a domain name has 253; macros are expanded in time quadratic to this
SPF_NAMES = 10  # MX and PTR names looked at, RFC 7208 section 4.6.4
DMARC_RECORD_CHARACTERS = 8192  # one policy record; 200 in practice
DOMAIN_LABEL_OCTETS = 63  # RFC 1035 section 2.3.4
DOMAIN_NAME_OCTETS = 253  # RFC 1035 section 2.3.4, as text without the final dot
AUTHOR_CHARACTERS = 1000  # RFC 5321 allows 320; matching costs this times the pattern, in the front
DNS_TRY_S = 3.0  # one server, one packet
DNS_QUERY_S = 5.0  # one question with its retries
DNS_ROUNDS = 24  # question rounds of one message; SPF alone may need 21 (10 mx terms, two rounds each, and the record)
DNS_WORKER_TTL_S = 30  # a worker repeats an answer no longer than this; the resolver's cache is the authority
DNS_WORKER_ENTRIES = 5_000  # then it forgets all; a few MB of each worker
DNS_QUESTIONS = 64  # outstanding questions of one message
DNS_CONCURRENCY = 2048  # questions in flight, one descriptor each: twice what one peer's mail can ask of dead servers
DNS_RESERVED_FILES = 64  # of the resolver: what is not for questions
DNS_ALIASES = 8  # CNAMEs followed by ourselves when a server leaves a chain open
DNS_PAYLOAD_OCTETS = 1232  # EDNS size that is never fragmented (DNS flag day 2020)
DNS_TTL_MAX_S = 86_400  # cached no longer than a day
DNS_TTL_NEGATIVE_S = 300  # negative answers without a SOA
DNS_TTL_NEGATIVE_MAX_S = 3600  # RFC 2308 section 5: one to three hours
DNS_TTL_FAILURE_S = 5  # RFC 9520 section 3.2: at least 1 s
DNS_CACHE_ENTRIES = 20_000
DNS_CACHE_OCTETS = 32 * MIB  # names and records held, whatever their number
DNS_SERVERS = 8  # name servers of a zone that are asked; few zones have more than four, the top-level ones have 13
DNS_SERVER_ADDRESSES = 3  # of one name server, one after the other until one answers
DNS_SERVER_TRY_S = 1.5  # one packet to one name server, sent twice
DNS_PROBE_S = 3.5  # to find out which servers of a zone answer: one address that is silent, and looking it up
DNS_REFERRALS = 5  # from the closest zone known downwards; a domain name is rarely cut more often
DNS_LOOK_S = 12.0  # one look at all records of our domain; seconds where servers are silent, else a quarter of one
DNS_WATCH_S = 5.0  # between two looks while somebody waits for them to become right
DNS_CONFIG_CHECK_S = 2.0  # how often the time of resolv.conf is looked at

# Storage
COMMIT_GROUP = 64  # messages that share a transaction and the syncs before it
COMMIT_STALL_S = 0.02  # a commit that nobody began with gets another thread: the disk is slow, or a thread hangs
COMMIT_THREADS = 16  # then no more
COMMIT_S = 120.0
NAME_ATTEMPTS = 1000  # -2 … -1000 within one second
SPOOL_RETRY_S = 60.0
SQUAT_ATTEMPTS = 4  # names taken between our look and our rename, then the copy goes to the spool
DIRECTORIES_HELD = 2  # of one message, from staging to publishing; further ones are opened again
RECORDS_UNSETTLED = 16  # whose outcome could not be written, tried again with the spool; each may hold 25 MiB of text
SENDS_UNNOTED = 1000  # whose event and hook runs state.db did not take, tried again with the spool; some KB each
REPEAT_S = 86_400  # R5: 24 h
REPEATS_KEPT = 100_000  # about 20 MB
EVENTS_KEPT = 100_000
EVENTS_UNLOGGED = 10_000  # that state.db did not take, tried again; then the oldest are lost
EVENT_RETRY_S = 5.0  # when state.db cannot be written or read
EVENT_THREADS = 4  # that log events of administration; each waits for one transaction
RUNS_KEPT = 500  # finished runs that are always kept; younger ones than the budget window too
RUNS_MAX = 100_000  # finished runs, whatever their age
SUMMARY_CHARACTERS = 4096  # one value of an event or index row
INDEX_BATCH_ROWS = 500  # one transaction of index.db
INDEX_BUILD_ROWS = 4000  # the same when a whole box is built; 4 MB of ordinary mail, a tenth of a second
INDEX_BUILD_OCTETS = 16 * MIB  # of text, when messages are longer
INDEX_HASH_OCTETS = 8 * MIB  # words that FTS5 collects before it writes a segment; its own default is 1 MiB
INDEX_SEGMENTS = 16  # of words side by side while a box is built
INDEX_SEGMENTS_MERGED = 4  # FTS5's default: afterwards
INDEX_MERGE_PAGES = 500  # merged at once; 2 MB, some 20 ms
INDEX_BATCH_S = 0.05  # how long rows wait for company
INDEX_GARBAGE_OCTETS = 256 * MIB  # words of mail that is gone or changed; then everything is built anew
INDEX_CARE_S = 3600.0  # how often that is looked at
INDEX_QUEUE_ROWS = 20_000  # further ones are left to reconciliation
COPY_OCTETS = 1 * MIB  # of a file, read and written at once
MARK_OCTETS = 64 * MIB  # a message file that is marked; the longest text and frontmatter that we write have 62
MARK_HEAD_OCTETS = 64 * KIB  # read first; nearly every frontmatter is shorter
REPLACED_ATTEMPTS = 16  # to open a file whose place another version took in that very moment
MARK_ATTEMPTS = 16  # while somebody else changes the same file
INDEX_READ_OCTETS = 512 * KIB  # of a message file, read at once; longer frontmatter is read up to its own bound
INDEX_TEXT_OCTETS = 256 * KIB  # of a body, that a search looks at; 40,000 words
INDEX_REFERENCES = 100  # Message-IDs of References that join a conversation, the latest
INDEX_READERS = 8  # connections that wait for the next question
INDEX_CACHE_KIB = 16 * 1024  # pages of index.db that the writer keeps
INDEX_READER_CACHE_KIB = 4 * 1024  # and a reader, when it needs them: the names of 100,000 messages are 6 MB
INDEX_BUSY_S = 5.0  # another process has index.db open: a copy is being made of it
INDEX_PATIENCE_S = 1.0  # for a small box that another thread builds
INDEX_WAIT_S = 10.0  # for the rows of what was stored before the question
MAILBOX_ENTRIES = 1_000_000  # of one directory that are looked at; about 0.5 s
STRANGE_ENTRIES = 10_000  # of one directory, named like mail and none; then new ones are not looked at
RECONCILE_S = 1.0  # between two comparisons of one directory with its rows
RECONCILE_TICK_S = 0.02  # what changes within the same tick of the kernel's clock leaves the directory's time as it was
RECONCILE_DOUBT_S = 10.0  # then it is compared once more
RECONCILE_SWEEP_S = 600.0  # how soon a file that was changed in place shows in counts, if nobody lists it
DELETED_TOLD = 1000  # messages removed at once that get an event each
STAMPS_STEPS = 1000  # changes of ours to one directory that wait for the one before them
SEARCH_S = 1.0  # one page; then the answer says where to go on
SEARCH_MOST_S = 10.0  # what has found nothing to tell by then is given up
SEARCH_STEPS = 100  # of SQLite between two looks at the clock; some tenths of a millisecond
SEARCH_ROWS = 10_000  # looked at together, between two looks at the clock
SEARCH_FEW = (
    500  # unread messages, or ones with attachments, that are tested one by one for words, a few microseconds each
)
SEARCH_TESTED = 1000  # messages tested for words together, between two looks at the clock
SEARCH_PREFIX_CHARACTERS = 3  # of a word with a star; shorter ones stand for too many
CONVERSATION_ROWS = 500  # messages of one conversation
CONVERSATION_IDS = 2000  # Message-IDs that join them
STATE_WAL_OCTETS = 16 * MIB  # kept after a checkpoint
README_LINE_OCTETS = 200  # of the data directory's README.md: its mark, or enough of somebody else's first line
README_MARK_CHARACTERS = 12  # of the digest of its text
STATE_BATCH_UNITS = 256  # units of work that share one durable transaction

# Hooks (guide, U4, U5)
HOOK_TIMEOUT_DEFAULT_S = 60
HOOK_TIMEOUT_MAX_S = 600
HOOK_KILL_AFTER_S = 5.0
HOOK_REAP_S = 5.0  # after KILL; what is stuck in the kernel does not hold its slot for ever
HOOK_TASKS = 512  # TasksMax of a unit: an agent has some dozens of threads, a fork bomb has no end
HOOK_START_S = 20.0  # TimeoutStartSec: for execve of a program that may lie on a file system that hangs
HOOK_MANAGER_S = 45.0  # for one command to systemd; more than HOOK_START_S and HOOK_KILL_AFTER_S together
HOOK_LOOK_S = 0.05  # before the next look at a unit that is about to have a main process, or has lost it just now
HOOK_LOOK_AGAIN_S = (0.2, 1.0, 5.0, 15.0)  # before asking systemd again that gave no answer: it may be restarting
HOOK_START_AGAIN_S = (1.0,)  # and before telling it again of a run that it made no unit of
HOOK_POLL_S = 1.0  # and the longest pause between looks, where its end cannot be waited for
HOOK_VARIABLES_S = 60.0  # how soon a change of the service manager's own environment is noticed
HOOK_PROBLEM_CHARACTERS = 300  # of what systemd-run says of a start that failed
TOOL_OUTPUT_OCTETS = 256 * KIB  # read of each output of a command of the init system
SYSTEMD_UNSET = 2**63  # a counter at or above it is not counted (CGROUP_LIMIT_MAX, UINT64_MAX)
HOOK_JOURNAL_S = 5.0  # for one command to the journal: some systems have none, or a slow one
HOOK_JOURNAL_LINES = 50  # of the newest about one unit; systemd writes some ten
HOOK_LINGER_S = 1.0  # for output that a process which left the group still holds open
HOOK_RECORD_RETRY_S = 5.0  # when state.db cannot be written
HOOK_PEAK_SLACK_KIB = 4096  # the kernel counts pages by processor and adds them up late
HOOK_KEEP_S = 0.5  # for a datagram to the service manager, which queues it
HOOK_ROWS = 64  # runnable jobs looked at together, whatever the backlog
HOOK_OUTPUT_OCTETS = 64 * KIB  # each of stdout and stderr
HOOK_POOL = 24
HOOK_POOL_OF_OWNER = 16  # of them for the mailboxes of one; a hook may take ten minutes
HOOK_THREADS = 4  # look-ups and records of all hooks; each is short
HOOK_ENV_VALUE_OCTETS = 8 * KIB  # threats.md row 23
HOOK_ENV_OCTETS = 64 * KIB
HOOK_THREAD_BUDGET = 20
HOOK_BUDGET_WINDOW_S = 86_400
CONVERSATION_NAMES = 8  # Message-IDs by which a message's conversation is looked for and found again
CONVERSATION_NAMES_KEPT = 1_000_000  # of all mail within the window; the oldest go first
HOOK_STDERR_TAIL_CHARACTERS = 1000
HOOK_TEST_TAIL_CHARACTERS = 4000  # of stdout and of stderr in the answer to who asked for a run
HOOK_TESTS = 16  # runs that were asked for, at once; beside those of mail, which wait for none of them
HOOK_TESTS_PER_UID = 2
CLIENT_TEST_S = HOOK_TIMEOUT_MAX_S + HOOK_KILL_AFTER_S + HOOK_REAP_S + 60.0  # the longest run, and an answer
HOOK_RUNS_ROWS = 50  # of HOOK-RUNS, unless more are asked for
HOOK_RUNS_ROWS_MAX = 500
HOOK_RUNS_LINES = 3  # of a run's stderr below its row in the table of `aimx hooks runs`
HOOK_RUNS_LINE_CHARACTERS = 160  # and of each
HOOK_REACH_S = 5.0  # for looking at a hook's program: its owner may have put it on a file system that hangs
HOOK_REACH_THREADS = 4
HOOK_BODY_OCTETS = 64 * KIB  # of a HOOK-CREATE; a prompt for an agent is a few of them
HOOK_WORDS = 256  # of `cmd` in a HOOK-CREATE; editing TOML costs the square of a longer array
HOOK_ENTRY_OCTETS = 512  # what a hook without its `cmd` counts as in config.toml
HOOK_WORD_OCTETS = 16  # and what each word counts as beside its text
HOOKS_OCTETS_PER_OWNER = 256 * KIB  # above that only root adds a hook: a sixteenth of CONFIG_OCTETS
HOOKS_PER_MAILBOX = 64  # above that only root adds one: config.toml is everybody's

# Configuration
CONFIG_OCTETS = 4 * MIB  # some 20,000 mailboxes; more is a mistake or an attack on the parser
CONNECTIONS_MAX = 60_000  # below the descriptor limit of the unit (65536)
CONFIG_SETTLE_S = 0.02  # a file saved less long ago may be half saved
CONFIG_EDIT_ATTEMPTS = 5  # somebody saves the file in the milliseconds between reading and replacing
ERASE_BREADTH = 1000  # directories moved up at once while a wiped mailbox is erased
SETTINGS_TURN_S = 30.0  # a change of the configuration waits for those before it
MAILBOXES_PER_USER = 200  # that he makes himself; a change of the configuration takes 0.25 ms for each that is there
MAILBOX_ALONE_S = 10.0  # and, when a mailbox is made or removed, for commits in flight
CONFIG_CHECK_S = 60.0  # how soon a hand edit that was not reloaded shows in the log
CONFIG_SHOWN_CHARACTERS = 200  # of a wrong value in an error message
HOOK_CONCURRENCY_MAX = 1000
HOOK_THREAD_BUDGET_MAX = 1_000_000
USER_NAME_OCTETS = 32  # useradd(8)

# AIMX/1 socket (reference section 1)
HEADER_LINE_OCTETS = 8192  # guide: MAX_HEADER_LINE
FRAME_HEADERS = 64
HEADER_NUMBER_MAX = 2**53  # what every JSON reader takes for an integer
FRAME_BODY_OCTETS = 25 * MIB
FRAME_S = 30.0  # guide: UDS_REQUEST_TIMEOUT
FRAMES_OCTETS = 128 * MIB  # bodies held at once, of all callers; half of MEMORY_OCTETS, the rest is SMTP's
FRAMES_OCTETS_PER_UID = 64 * MIB  # two of the largest frames and change; one user never takes all
FRAME_SMALL_OCTETS = 64 * KIB  # a frame of this size is never refused for the large ones of others: 32 MiB in all
FRAME_DRAIN_S = 2.0  # after a refusal, for what the client has already written
FRAME_REFUSED_DRAIN_S = 0.1  # the same for a connection over the cap: it must not become a connection
FRAME_DRAIN_OCTETS = 2 * FRAME_BODY_OCTETS
CLIENTS_PER_UID = 64
CLIENTS = 512
CLIENT_CONNECT_S = 5.0
INGEST_WAIT_S = 60.0  # for the writer lock, while another ingestion awaits its hooks or a daemon starts
INGEST_RETRY_S = 0.2
CLIENT_ANSWER_OCTETS = 96 * MIB  # a dry run shows two bodies of 25 MiB in base64
OWNER_THREADS = 4  # look-ups of owners' uids; a directory service may be slow
DIRECTORY_THREADS = 4  # mailboxes made, counted and removed at once
READ_THREADS = 8  # pages and pieces of stored mail at once
READ_THREADS_OF_OWNER = 4  # of them for the mailboxes of one
STREAM_STALL_S = 10.0  # a client of a stream that takes nothing is dropped
STREAM_LINE_OCTETS = 1 * MIB  # of one event; its texts have at most SUMMARY_CHARACTERS each
WATCH_RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)  # before a client that lost its stream asks again; the last for ever
STREAM_BATCH_S = 0.1  # between two looks at the event log: a hundred watchers then cost little, whatever arrives
STREAM_READ_EVENTS = 500  # read at once
STREAM_PIECE_OCTETS = 64 * KIB  # of lines written at once
STREAM_HELD_OCTETS = 4 * MIB  # of the newest events, for all watchers; who is further behind reads the log
STREAM_HELD_EVENTS = 10_000  # a few seconds of the fastest inbound there is
WATCHERS = 512  # in all, beside the connections of requests
WATCHERS_PER_UID = 128  # one user's never take all; a hundred dashboards of one user are many
STREAM_LOOK_S = 1.0  # how soon a client that hung up frees its place
STREAM_HEARTBEAT_S = 15.0  # a stream without news says that it lives
CLIENT_STREAM_S = 60.0  # a stream that is silent for so long has nobody at its other end
SEARCH_TERMS = 32  # words to look for in one search; eight are many
SEARCH_WORDS = 100  # in all of them; each costs 8 ms among 100,000 messages that hold it, and nothing can stop it
SEARCH_PREFIXES = 2  # of them with a star; one that begins every word there is costs 0.4 s among 20,000 messages
LIST_ROWS = 50  # guide: the default page
LIST_ROWS_MAX = 200  # guide: further ones are clamped
READ_PIECE_OCTETS = 1 * MIB  # of a message file in one answer, unless less is asked for
METER_S = 0.1  # between two looks of a line of progress on a terminal
CLIENT_ADMIN_S = 60.0  # every other request; a slow directory service or disk, never a remote server
MCP_EMAIL_OCTETS = 4 * MIB  # of a message file in one answer to an agent; no model reads a million words at once
WAIT_S = 60  # of email_wait; clients give a call up after one to two minutes
WAIT_MIN_S = 5
WAIT_MAX_S = 120
WAIT_PROGRESS_S = 10.0  # between two notifications of progress
WAIT_TOGETHER_S = 0.05  # after an event: what came at the same time is told together
WAIT_ROWS = 20  # of mail that was there already
WAIT_PAGES = 20  # of the index that are looked through for what arrived: 4000 mails in one moment
CODE_CHARACTERS = 64 * KIB  # of a body that are looked at for one-time codes and links
CODE_NEAR_CHARACTERS = 80  # between a code and the word that says that it is one
CODE_CANDIDATES = 500  # that are compared
CODES = 5  # that are told
LINKS = 10
LINK_CHARACTERS = 2000  # what browsers and servers take
MCP_PART_CHARACTERS = 1 * MIB  # of a message file in a part of it; next_offset goes on
MCP_THREAD_ROWS = 20  # emails of a conversation, unless more are asked for
MCP_THREAD_ROWS_MAX = 100
MCP_THREAD_CHARACTERS = 4000  # of each of their bodies: a page and a half
MCP_THREAD_CHARACTERS_MAX = 200_000  # of all of them: a third of what the largest models read
MCP_ATTACHMENT_OCTETS = 4 * MIB  # of an attachment that is looked into; of a larger one its place is told
MCP_ATTACHMENT_CHARACTERS = 50_000  # of its text in one answer, unless another number is asked for
MCP_PICTURE_OCTETS = 1 * MIB  # of a picture that is told as one; base64 makes it a third more, clients take 1 to 5 MB
MCP_FORWARD_CHARACTERS = 1 * MIB  # of a body that is quoted in a forward; the rest is in the original
MCP_FENCE_OCTETS = 12  # of the word in the lines around mail: nobody guesses 96 bits
MCP_LINE_OCTETS = 64 * MIB  # of one JSON-RPC message: a body of 25 MiB, and room for its escapes
MCP_DRAIN_S = 10.0  # from the end of input to that of the server, while answers are outstanding
MCP_RESOURCES_MAILBOXES = 100  # in a page of the list of resources; a user has a few, root has all
MCP_RESOURCES_EMAILS = 20  # the newest, in lists that clients put before a person or a model
MCP_TITLE_CHARACTERS = 200  # of a subject or an author there
MCP_CURSOR_DIGITS = 9  # of a place in the list of resources
MCP_COMPLETIONS = 100  # values of one answer; the protocol's own bound
MCP_LISTENERS = 16  # subscriptions that one client holds at a time; one is what clients open
MCP_NEWS_PAUSE_S = 0.5  # between two notifications of new mail; what comes meanwhile is told together
MCP_READ_TRIES = 3  # a file that is marked between two pieces of it is fetched anew
MCP_COMPOSE_THREADS = 2  # letters that one agent composes at once, each with files of 25 MiB at most
REFERENCES_WRITTEN = (
    100  # Message-IDs in an answer's References; RFC 5537 section 3.4.4 asks for the first and the last
)
CLIENT_REPLY_S = 700.0  # a SEND waits for memory, workers and remote servers, each at most for its own time

# Sending
SUBMITTED_HEAD_OCTETS = 64 * KIB  # reference section 6.2
COMPOSED_HEAD_OCTETS = 256 * KIB  # what becomes of it: base64, and the frames of encoded words
SHORT_HEAD_OCTETS = 8 * KIB  # read at once by the front, a few milliseconds; the largest takes two tenths of a second
HEAD_THREADS = 2  # that read longer ones
SUBMITTED_FIELDS = 1000  # header fields of a submission; thirty are many
SHOWN_CHARACTERS = 200  # of a wrong value in an error message
OUTBOUND_OCTETS = 50 * MIB  # a wire message; the largest mainstream servers take is a quarter of it
OUTBOUND_MEMORY_OCTETS = 512 * MIB  # composed messages and their copies in the front, until the answer
OUTBOUND_SHARE_OCTETS = 320 * MIB  # of one uid: the largest message there can be, but never all
OUTBOUND_LITTLE_OCTETS = 16 * MIB  # what needs less, 64 KiB of Markdown say, never waits for what needs more
OUTBOUND_WAIT_S = 60.0  # then the caller is told to try again
COMPOSE_GROWTH = 64  # octets of HTML for one of Markdown, styles included; prose has 2, a list without text 60
COMPOSE_LIGHT_OCTETS = 64 * KIB  # composed by any worker; the worst Markdown of that size takes half a second
COMPOSE_TEXT_GROWTH = 5  # octets on the wire for one of text: an octet of Shift_JIS is three of UTF-8, four of base64
COMPOSE_FACTOR = 3  # of EXAMINE_S, for a large message: hostile Markdown of 5 MiB takes 8 s of CPU
COMPOSE_ATTEMPTS = 2  # one retry when a worker is lost
COMPOSE_VICTIMS = 8  # losses by the fault of another message's computation, not counted as attempts
DROP_THREADS = 4  # messages put into AIMX_TEST_MAIL_DROP at once
REPLY_CHARACTERS = 1024  # of what a server said about one recipient, kept in the record and told
REASON_OCTETS = 6 * KIB  # of an answer about many recipients; the line that carries it ends at HEADER_LINE_OCTETS

# Sends under a key
CLAIM_S = 86_400  # a key is remembered
CLAIM_KEY_CHARACTERS = 255  # of a key; a UUID has 36
CLAIMS_PER_UID = 20_000  # keys remembered at once; a mail every four seconds. 4 MB of state.db

# Delivery (O4). RFC 5321 section 4.5.3.2 lets a queue wait 2 to 10 minutes at each stage; here a caller waits for the
# answer, so that stages are shorter and what a slow server does not take in time is deferred to the caller.
MX_HOSTS = 10  # O4; further ones are never asked
MX_ADDRESSES = 8  # of one host; large providers publish four
MX_CONNECT_S = 30.0  # one address; Linux has then sent SYN five times
MX_BANNER_S = 60.0  # RFC: 5 minutes
MX_COMMAND_S = 60.0  # EHLO, STARTTLS, MAIL, RCPT, DATA; RFC: 2 to 5 minutes
MX_TLS_S = 30.0  # handshake; then the connection is made again without TLS
MX_BLOCK_S = 60.0  # between two pieces of the message that the peer takes; RFC: 3 minutes
MX_TOTAL_S = 300.0  # until the whole message has left, over all hosts of a domain
MX_FINAL_S = 240.0  # then for the answer to the final dot, so that few outcomes are unknown; RFC: 10 minutes
MX_QUIT_S = 2.0  # for QUIT and the end of TLS to leave; nobody waits for the answer
MX_PIECE_OCTETS = 64 * KIB  # of the message, made ready and written at once
MX_REPLY_LINE_OCTETS = 2048  # RFC 5321 section 4.5.3.1.5: 512; threats.md row 38
MX_REPLY_LINES = 100  # of one reply; EHLO of large providers has 15
MX_REPLY_OCTETS = 64 * KIB  # of one reply
MX_TEXT_CHARACTERS = 1000  # of a reply, shown or stored
MX_DOMAINS = 16  # of one message, at once
MX_CONNECTIONS = 128  # at once, of all messages
MX_CONNECTIONS_PER_SENDER = 64  # of one uid: half is left while its mail meets servers that stall
MX_CONNECTIONS_PER_DESTINATION = 10  # more are refused by many large providers
OWN_ADDRESS_S = 5.0  # for our public address, before a session of our own connection begins

# Port 25: preflight and portcheck, and the verifier that they ask
GREETING_REPLY_S = 10.0  # one reply of a server that is only asked whether it is there
RESPONDER_SESSION_S = 30.0  # reference section 5.2
RESPONDER_LINE_S = 10.0  # reference section 5.2
RESPONDER_LINE_OCTETS = 1024  # reference section 5.2
RESPONDER_LINES = 20  # of one session; EHLO and QUIT are two
PORT_ADDRESSES = 8  # of the verifier that are tried, of each family
PORT_LOOKUP_S = 10.0  # of its name
PORT_CONNECT_S = 10.0  # one address; Linux has then sent SYN four times
PORT_OUTBOUND_S = 30.0  # connection and dialog, all addresses side by side
PORT_PROBE_S = 60.0  # reference section 5.2: longer than the verifier's own time
PORT_SECOND_S = 10.0  # for the other address family, when the first has answered
PORT_SESSIONS = 16  # of the temporary listener at once
HTTP_ANSWER_OCTETS = 16 * KIB  # of the verifier's answer; it has 60
HTTP_HEAD_OCTETS = 16 * KIB  # of the head of an answer
HTTP_REDIRECTS = 3
VERIFIER_PROBE_S = 45.0  # reference section 5.2: one probe, from connection to QUIT
VERIFIER_PROBES = 64  # at once
VERIFIER_PROBES_PER_CALLER = 2  # at once, of one IPv4 address or IPv6 /64
VERIFIER_PROBES_PER_MINUTE = 6  # of one; each run of setup or portcheck is one
VERIFIER_RETRY_S = 30  # what who comes too often is told to wait
VERIFIER_CALLERS = 20_000  # whose rate is remembered; some 4 MB
VERIFIER_CONNECTIONS = 512  # HTTP, at once
VERIFIER_CONNECTIONS_PER_CALLER = 16  # a proxy on the same host excepted
VERIFIER_SMTP_SESSIONS = 128  # reference section 5.2: SMTP_MAX_CONCURRENT
VERIFIER_SMTP_SESSIONS_PER_CALLER = 8  # at once, of one; setup opens one
VERIFIER_SETTING_MAX = 100_000  # of numbers in its environment
VERIFIER_HEAD_OCTETS = 8 * KIB  # request line and header fields
VERIFIER_HEADERS = 64
VERIFIER_HEAD_S = 10.0  # for all of the request to come, and for the answer to leave
VERIFIER_LINGER_OCTETS = 64 * KIB  # read and dropped after the answer
VERIFIER_BACKLOG = 512  # a burst waits in the kernel
VERIFIER_DRAIN_S = 5.0  # for answers on their way, after SIGTERM

# Logs
LOG_FIELD_CHARACTERS = 1000
LOG_LINES = 50  # guide: `aimx logs` without --lines
LOG_LINES_MAX = 1_000_000
LOG_TAIL_OCTETS = 16 * MIB  # of one file, from its end; the system's log may have gigabytes
LOG_CHILD_END_S = 2.0  # for journalctl to end after Ctrl-C, which it got too

# aimx doctor
SURVEY_BUSY_S = 1.0  # for a database that is being written
PROBE_S = 0.5  # guide: the budget of the VERSION probe
PROBE_AGAIN_S = 2.0  # for a daemon that missed it: is it slow, or does it hang?
PROBE_MORE_S = 5.0  # for the other questions to the daemon, once it has answered
SMTP_PROBE_S = 2.0  # greeting, EHLO and STARTTLS of the listener; a daemon that drains or is busy may take a second
SMTP_PROBE_OCTETS = 4096
DOCTOR_DNS_S = 5.0  # all look-ups together; offline that is what they take
DOCTOR_HOOK_RUNS_S = 86_400  # how far back failures of hooks count
DOCTOR_HOOK_WAIT_S = 600.0  # a hook run that waits longer is a backlog: the longest run of a hook takes as long
DISK_FREE_OCTETS = 512 * MIB  # less is a warning
DISK_FULL_OCTETS = 64 * MIB  # less is a failure: two of the largest messages, with what SQLite needs to write them
DISK_FREE_SHARE = 0.05  # of the inodes; less is a warning
CERTIFICATE_SOON_S = 14 * 86_400  # a certificate that ends within is a warning
DOCTOR_SHOWN = 50  # mailboxes that the daemon is asked about one by one
DOCTOR_STRAYS = 20  # directories without mailbox that are named one by one

# aimx setup
CERTIFICATE_DAYS = 825  # the longest that strict TLS libraries take; nobody has to trust it, so longer gains nothing
CERTIFICATE_RENEW_S = 90 * 86_400  # a certificate of ours that ends within is made anew when setup runs
CERTIFICATE_BACKDATED_S = 86_400  # clocks of senders differ
SENDERS_ATTEMPTS = 5  # reference 4.5
UNDO_S = 120.0  # to take back one change: a service that stops, and another that starts
SYSTEM_UIDS = 1000  # login.defs of every distribution: people begin here
PROGRESS_S = 1.0  # what takes longer shows the seconds, on a terminal

# Programs that setup and uninstall run
COMMAND_S = 60.0  # useradd on a host whose user data base is far away; systemctl on one that is busy
COMMAND_GRACE_S = 5.0  # for one that is to end, before it is killed
COMMAND_LAST_WORDS_S = 0.5  # for what it wrote to arrive; its end has been seen already

# The service
SERVICE_STOP_S = 45.0  # DRAIN_S, what hooks of the fallback executor get after it, and the last commits
SERVICE_COMMAND_S = SERVICE_STOP_S + COMMAND_S  # systemctl and rc-service wait for a daemon that drains
SERVICE_READY_S = 60.0  # from the start to the first greeting; two seconds are usual, a small busy host takes ten
SERVICE_LOOK_S = 0.2  # between two looks at a daemon that starts
SERVICE_LOG_LINES = 12  # shown of a daemon that did not start
SERVICE_LOG_OCTETS = 16 * KIB  # read for them

# aimx upgrade
RELEASE_TAG_CHARACTERS = 100  # a SemVer; more is no name of a release
RELEASE_MANIFEST_OCTETS = 4 * MIB  # GitHub's JSON of one release, its notes included; 50 KiB are usual
RELEASE_SUMS_OCTETS = 64 * KIB  # SHA256SUMS, or its signature
RELEASE_TARBALL_OCTETS = 256 * MIB  # an interpreter and all libraries, packed; about 40 MiB
RELEASE_PROGRAM_OCTETS = 512 * MIB  # the program file in it
RELEASE_MEMBERS = 10_000  # of a tarball; the book has some thirty
RELEASE_ANSWER_S = 30.0  # reference 6.4: for a manifest, checksums or a signature, all of it
RELEASE_FETCH_S = 1800.0  # for a tarball; 40 MiB by a line of 0.2 Mbit/s
RELEASE_STALL_S = 30.0  # without one octet of it
RELEASE_REDIRECTS = 5  # GitHub's downloads have one or two
RELEASE_JOURNAL_OCTETS = 64 * KIB  # what an upgrade notes of itself, a service file included
PROGRAM_S = 120.0  # a program file's first start: it unpacks itself, on a small disk
PROGRAM_HEAD_OCTETS = 32 * KIB  # the script that a program file begins with; it has some seven
UNPACKING_S = 3600.0  # a tree that is unfinished after that has nobody who finishes it
UPGRADE_SETTLE_S = 1.0  # a daemon that greeted is looked at once more: some die of their first task

# aimx demo
DEMO_START_S = 60.0  # a daemon with cold caches on a slow disk; two seconds are usual
DEMO_STEP_S = 20.0  # one delivery with its verification, or one hook
DEMO_END_S = 15.0  # the daemon has no session left to wait for
DEMO_UIDS = range(60720, 61184)  # in nobody's allocation on Debian, systemd's and adduser's included
DEMO_LOG_LINES = 15  # of the daemon's log in an error
DEMO_PATH_OCTETS = 80  # the socket below the tree must fit into the 108 of sockaddr_un
DEMO_DOCUMENT_LINES = 60  # shown of a stored message

# Markdown (guide "Body size limit", threats.md F7)
MARKDOWN_OCTETS = 5 * MIB  # guide: MAX_MARKDOWN_BODY_BYTES
RENDER_OUTPUT_OCTETS = 25 * MIB  # guide: 15 to 25 MiB on the wire; no receiver takes more (MESSAGE_OCTETS)
MARKDOWN_NESTING = 32  # quotes and list items in each other, and spans in each other; deeper marks are shown as text
MARKDOWN_LABEL_CHARACTERS = 999  # CommonMark section 4.7
MARKDOWN_PARENTHESES = 16  # in a bare link destination, CommonMark section 6.3: at least three
MARKDOWN_REFERENCE_CHARACTERS = 40  # of a character reference; the longest has 33
MARKDOWN_EXPANSION_FLOOR = 100 * KIB  # targets put in for references: no more than this or the source's own length
MARKDOWN_BLOCKS = 400_000  # and table cells; about 4 s. 5 MiB of ordinary text has a tenth of them
MARKDOWN_SPANS = 600_000  # marks of spans; about 4 s. What follows is shown as it was written
RENDER_ELEMENTS = 300_000  # elements that get a style; about 3 s
MARKDOWN_PADDING_CELLS = 50_000  # cells added to table rows that are short

# The programs on the whole terminal (aimx_tui)
TUI_TEXT_CHARACTERS = 4000  # of one text of others; more is cut
TUI_EVENTS = 500  # that the dashboard keeps of the event stream
TUI_PAGE = 200  # rows that it asks for at a time
TUI_ROWS = 10_000  # about 1 KB each; when more are loaded, only the first page of them stays at the next news
TUI_NEWS_S = 0.05  # between two pictures of what events tell: many of them are one change
TUI_REST_RATIO = 10  # a question that took a second is not asked again for ten, up to TUI_REST_MAX_S
TUI_REST_MAX_S = 5.0
TUI_FIRST_OCTETS = 64 * KIB  # of a mail, shown before the rest is asked for
TUI_BODY_CHARACTERS = 16 * MIB  # of a mail that the reader holds; beyond it stands the command that prints all
TUI_MARKDOWN_CHARACTERS = 64 * KIB  # drawn as Markdown, in some tenths of a second; the rest as it was written
TUI_MEASURE = 100  # cells of a line of text; longer ones are hard to follow
TUI_REFLOW_CELLS = 56  # a line of a paragraph that is longer was wrapped by a program; a shorter one ends there
TUI_HISTORY = 100  # searches that are remembered
TUI_LAUNCH_S = 3.0  # another program that has not ended by then is at work
TUI_REST_S = 1.0  # that the cursor rests on a mail before it counts as read
TUI_HOOK_MAILBOXES = 50  # of which it asks who made their hooks
TUI_EMAILS_OFFERED = 50  # to choose one for a test or an explanation of a hook
TUI_SETTLE_S = 0.25  # between an event that outdates something and the question for it: one question for many
SETUP_LOOK_S = 15.0  # between two looks at the DNS while the operator waits; registrars publish within minutes

# Agents
AGENT_CONFIG_CHARS = 4 * MIB  # of another program's configuration; NanoClaw's has some hundred
AGENT_REGISTER_CHARS = 64 * MIB  # of the file where Claude Code keeps its servers, and the histories of projects
AGENT_CONFIG_DEPTH = 60  # levels in it; each costs three frames of Python's stack
AGENT_BUNDLE_CHARS = MIB  # read of a skill that is there already; ours have some 60,000
GOOSE_TIMEOUT_S = 300  # of one call: email_wait takes up to two minutes
AGENT_WORDS = 1024  # octets of what such a command says, shown when it failed
AGENT_COMMAND_S = 60  # of an agent's own command; Node starts in a second or two, more on a small machine
