"""Sync: what changes here reaches partners, and what partners send gets in."""
