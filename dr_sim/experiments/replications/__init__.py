"""Replications of one scenario: who plays them, what each leaves behind, and what they say."""
