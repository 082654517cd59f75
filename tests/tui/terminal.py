"""A real terminal for a real program: tmux, looked at as a person does."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

PATIENCE_S = 120.0  # starting Python and Textual on a loaded machine takes its time


class Terminal:
    """One tmux server of its own, with one window of that size."""

    def __init__(self, tree: Path, size=(100, 30)):
        self._socket = tree / "tmux"
        width, height = size
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "sh")
        self._tmux("set", "-g", "history-limit", "2000")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._tmux("kill-server")

    def run(self, *argv):
        """Type a command at the shell."""
        line = f"cd {shlex.quote(os.getcwd())}; clear; {shlex.join(argv)}; echo end of program"
        self._tmux("send-keys", "-l", line)
        self.press("Enter")

    def type(self, text):
        """Characters."""
        self._tmux("send-keys", "-l", text)

    def press(self, *names):
        """Keys by tmux's names."""
        self._tmux("send-keys", *names)

    def resize(self, width, height):
        """Of the window."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def shown(self):
        """What stands there now, without colours."""
        return self._tmux("capture-pane", "-p")

    def modes(self):
        """What programs change about it: the alternate screen, the cursor, reports of the mouse, what keys send."""
        flags = ("alternate_on", "cursor_flag", "mouse_any_flag", "mouse_all_flag", "mouse_sgr_flag", "keypad_flag")
        return self._tmux("display-message", "-p", " ".join(f"{flag}=#{{{flag}}}" for flag in flags)).split()

    def cursor_line(self):
        """The line that the cursor stands in, from 0."""
        return int(self._tmux("display-message", "-p", "#{cursor_y}"))

    def until(self, words):
        """The words are there, wrapped or not."""
        end = time.monotonic() + PATIENCE_S
        while words not in " ".join(self.shown().split()):
            assert time.monotonic() < end, f"never shown: {words}\n{self.shown()}"
            time.sleep(0.05)

    def _tmux(self, *words):
        environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": "/nonexistent"}
        argv = ["tmux", "-S", str(self._socket), *words]
        return subprocess.run(argv, env=environment, check=True, capture_output=True, text=True).stdout


def asked(machine, setup, *words, **environment):
    """A file for tests.tui.on_machine; the command that runs it."""
    env = {
        "PATH": f"{machine.bin}:/usr/bin:/bin", "AIMX_TEST_DNS": setup.dns, "LANG": "C.UTF-8",
        "TERM": "tmux-256color", "HOME": str(machine.tree), **environment,
    }  # fmt: skip
    values = {"tree": str(machine.tree), "words": words, "env": env, "socket": str(setup.socket), "port": setup.port,
              "verifier_port": setup.verifier_port}  # fmt: skip
    path = machine.tree / "asked.json"
    path.write_text(json.dumps(values))
    return path, (sys.executable, "-m", "tests.tui.on_machine", str(path))
