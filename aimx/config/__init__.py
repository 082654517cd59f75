"""config.toml: validation, snapshot, edits."""
