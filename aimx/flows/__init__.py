"""One function per story, read from top to bottom."""
