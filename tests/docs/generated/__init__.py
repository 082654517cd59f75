"""Pages of the book that are made from the program: each module's `page()` is one, `PAGES` says which."""
