"""The release build: from a checkout to signed artefacts. `python -m install.release --help`."""


class Refused(Exception):
    """There will be no release; the text says why and what to do."""
