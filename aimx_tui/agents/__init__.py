"""The picker of `aimx agents setup`: an inline prompt that tells which agents are to be wired."""
