"""What setup says, the same in every Ui. The guide decides these texts."""

from aimx.provision.setup.api import Note, Question

WELCOME = "AIMX setup"
TAGLINE = "Self-hosted email SMTP and MCP server for AI agents."
FINISHED = "AIMX setup — complete"
AGENTS_CALLOUT = "→ aimx agents setup"

DOMAIN_PROMPT = ("Enter the domain you want to use for email", "(e.g. agent.example.com).")
DOMAIN_RIGHT = Question("domain", "Confirm?")
DNS_ACCESS = Question(
    "dns-access", "Do you control the DNS of this domain? You will have to add records at your domain registrar."
)
NO_DOMAIN = "No domain entered. Setup cancelled."
NO_DNS_ACCESS = "Setup cancelled. You need DNS access to proceed."
CANCELLED = "Setup cancelled."
CATCHALL = Question("catchall", "Create the catchall mailbox?")

VERIFIED = "All DNS records verified. Your email server is ready!"
NOT_YET = "Some DNS records are not yet correct."
PROPAGATION = "DNS propagation can take up to 48 hours."
PRESS_ENTER = "Press Enter to verify DNS records now."
PRESS_Q = "Press q to skip and run aimx doctor later."
DEFERRED = "Update your DNS records and run `aimx doctor` to re-verify."

PORT_FAILED = "Port 25 checks failed. Your VPS provider may block SMTP traffic."
PORT_UNTRIED = "Port 25 could not be checked. Try again later, or go on without with --skip-preflight."
PROVIDERS = ("Hetzner Cloud", "OVH / OVHcloud", "BuyVM (Frantech)", "Vultr (on request)", "Linode/Akamai (on request)")

CERTIFICATE_THERE = "TLS certificate already exists"
SENDERS_NOT_TAKEN = "--trusted-senders changes nothing here: edit trusted_senders in config.toml, then reload."
CATCHALL_STAYS = "--no-catchall changes nothing here: the configuration has one. Remove its table by hand, then reload."
POLICY_KEPT = "existing trust policy preserved"
INSTALLED = "aimx already installed"

SENDERS_PROMPT = (
    "Who may your agents act for? Hooks run only for mail from trusted senders.",
    "Addresses or globs, separated by commas (e.g. you@example.com, *@company.com).",
    "Leave it empty to trust nobody yet.",
)
SENDERS_RIGHT = Question("senders", "Confirm?")
NO_SENDERS = Question("no-senders", "Leave hooks disabled?")
NOBODY_TRUSTED = (
    'No trusted senders: trust = "none". Mail is received and stored, but hooks will NOT fire for inbound email until'
    ' trusted senders are added: set trusted_senders and trust = "verified" in config.toml, then'
    " `sudo systemctl reload aimx`."
)


def occupied(holder: str) -> str:
    """Somebody else has port 25."""
    return f"Port 25 is occupied by {holder}. Stop the process and run `aimx setup` again."


def change_domain(old: str, new: str) -> Question:
    """Another domain than the configured one."""
    text = (
        f"This host is set up for {old}. Change it to {new}? Mailboxes keep their names, mail and hooks; their"
        f" addresses become …@{new}, and mail to {old} is no longer accepted. The DKIM key stays, the certificate is"
        " made anew."
    )
    return Question("change-domain", text, default=False, grave=True)


def agents(names: tuple[str, ...]) -> tuple[Note, ...]:
    """Step 6: the hand-off."""
    return (
        Note("text", "AIMX bundles MCP and skill files for the following AI agents:"),
        *(Note("text", f"  • {name}") for name in names),
        Note("text", "To wire AIMX into them, run this as your regular user, without sudo:"),
        Note("command", AGENTS_CALLOUT),
    )


def closing(domain: str) -> tuple[Note, ...]:
    """The last words (guide)."""
    prompt = f"Set up agent@{domain} and respond to me via email the moment you receive my instructions via email."
    return (
        Note("ok", "AIMX has been set up successfully."),
        Note("text", f"Your agents now have access to set up, send and receive emails from @{domain} emails."),
        Note(
            "text",
            "Once you have linked up your MCP to your LLM, try asking it to set up a mailbox for you, e.g.",
        ),
        Note("command", f'  claude -p "{prompt}"'),
    )
