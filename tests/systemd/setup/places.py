"""Who is where. The addresses look public: aimx, its verifier and mail servers treat others in another way."""

OURS = "5.6.7.10"  # the machine that is set up
MX, VERIFIER = "5.6.7.25", "5.6.7.26"  # of the internet
RESOLVER, AUTHORITY = "5.6.7.53", "5.6.7.54"
WEB_PORT = 3025

DOMAIN, OTHER_DOMAIN = "agent.example.test", "mail.example.test"
PEER = "peer.test"
BOB = f"bob@{PEER}"
VERIFY_HOST = f"http://verify.{PEER}:{WEB_PORT}"
