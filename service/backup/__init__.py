"""Backups taken while the service runs, and restores that hand out no number twice and raise no false alarm."""
