"""Instants, sizes and numbers as texts, for screens, pages, pictures and tables."""
