"""Tells what backups and restores cost on this machine."""
