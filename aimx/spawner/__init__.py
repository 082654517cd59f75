"""The process that forks: helpers and hooks."""
