"""Real users for the tests of this directory; a module that needs others has its own."""

import os

import pytest

from tests.root import users


@pytest.fixture(scope="module")
def people():
    """Alice and Bob, who own mailboxes, and root."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with users.users("a", "b") as made:
        yield {"alice": made["a"], "bob": made["b"], "root": users.pwd.getpwnam("root")}
