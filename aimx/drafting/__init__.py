"""What people and agents submit, as drafts: addresses, Message-IDs, files. Runs with the caller's rights."""
