"""Tells what a terminal shows. Computes nothing."""
