"""What backups and restores cost on this machine."""
