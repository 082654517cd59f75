"""The setup wizard: `aimx setup` on a terminal. Talks to the operator; aimx.provision does the work."""
