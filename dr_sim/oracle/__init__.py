"""What knows the truth and checks the logic against it."""
