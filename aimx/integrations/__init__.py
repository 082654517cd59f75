"""The agents that aimx can be wired into."""
