"""The process that speaks DNS."""
