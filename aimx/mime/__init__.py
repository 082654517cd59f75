"""Internet messages: octets to text and back (RFC 2045-2049, 5322). Total functions: no octets make them raise."""
