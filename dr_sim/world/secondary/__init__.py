"""The secondary: files land, are validated and restored there."""
