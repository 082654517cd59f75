"""Names of things: frozen Structs, no behaviour beyond derived properties."""
