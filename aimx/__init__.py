"""aimx: the mail server for AI agents.

Importing the package loads nothing else, so that short-lived commands start fast.
"""

__version__ = "0.3.0.dev0"
