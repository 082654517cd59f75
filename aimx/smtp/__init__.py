"""The client's side of SMTP without I/O: replies, the dialog, the octets of DATA."""
