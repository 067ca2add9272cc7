"""What a terminal shows. Computes nothing."""
