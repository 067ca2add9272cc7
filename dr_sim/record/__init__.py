"""Record kinds, the journal, its file and its columns."""
