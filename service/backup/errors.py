"""What can go wrong with a backup or restore, as a plain sentence for the operator."""

from __future__ import annotations


class BackupRefused(Exception):
    """It cannot be done with what is there. The message is a sentence, and holds nothing of a person."""
