"""One question per file: where mail goes, who may do what, who is trusted, what fires."""
