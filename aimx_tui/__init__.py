"""Textual apps of aimx: setup wizard, agents picker and dashboard. Started by aimx.cli, never imported below it."""
