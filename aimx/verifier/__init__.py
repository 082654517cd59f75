"""The companion service that says whether port 25 of whoever asks is reachable from the internet."""
