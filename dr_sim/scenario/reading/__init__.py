"""The way from a file to sections and back: trees, files that extend others, defaults, errors."""
