"""What a release knows of itself. The release build writes this file anew; in a checkout nothing is known."""

TAG = ""  # bare SemVer; empty: this is no release
COMMIT = ""  # abbreviated
DATE = ""  # of the commit, UTC, YYYY-MM-DD
TARGET = ""  # canonical triple; empty: whatever machine this runs on
MANIFEST = "https://api.github.com/repos/uzyn/aimx/releases/latest"  # what the latest release is
KEYS: tuple[str, ...] = ()  # PEM of the RSA keys that may sign a release; none: nothing can be upgraded to
