"""Bytecode of a whole tree, beside its sources: `python compiling.py TREE`.

Run by the interpreter of the tree where this machine can run it. The bytecode is never compared with its source, so
that nothing is ever written later, and it is the same wherever and whenever it was made.
"""

import importlib.util
import os
import py_compile
import sys


def main(tree: str) -> None:
    """Compile everything; what cannot be compiled (samples of other versions in some packages) stays source."""
    library = os.path.join(tree, "lib")
    sources = sorted(
        os.path.join(directory, name)
        for directory, _, names in os.walk(library)
        for name in names
        if name.endswith(".py")
    )
    for source in sources:
        py_compile.compile(
            source, cfile=importlib.util.cache_from_source(source, optimization=""), doraise=True,
            dfile=os.path.relpath(source, tree), optimize=0,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
