"""The command line: turns arguments into one flow call and its result into text."""
