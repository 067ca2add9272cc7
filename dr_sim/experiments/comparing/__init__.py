"""Two versions under the same random events."""
