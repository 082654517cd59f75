"""The dashboard: mailboxes, mail, hooks and health of one daemon, live over its socket."""
