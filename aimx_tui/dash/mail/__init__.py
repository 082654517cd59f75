"""Mode 1: mailboxes, the table of mail, and the reader."""
