"""What brings aimx onto a host: the release build, the installer, and the verifier's container."""
