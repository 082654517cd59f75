"""The only code that touches the world: one file per kind of touch, knowing no mail."""
