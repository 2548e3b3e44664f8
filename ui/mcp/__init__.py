"""A tool for each mode, for agents that speak MCP (Model Context Protocol), at `/mcp`."""
