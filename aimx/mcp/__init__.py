"""`aimx mcp`: what an agent sees of its mail, by the Model Context Protocol over standard input and output.

Runs as the agent's own user and holds nothing: every answer comes from the daemon, which asks the kernel who asks.
"""
