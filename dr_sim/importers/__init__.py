"""Users' real backup histories, read into values that the rest of dr_sim understands."""
