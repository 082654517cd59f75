"""SPF, DKIM and DMARC as pure functions of a message and DNS answers."""
