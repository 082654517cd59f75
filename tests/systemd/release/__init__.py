"""Releases on a booted machine: installed from nothing, upgraded and rolled back under load, taken away."""
