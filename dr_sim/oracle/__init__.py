"""The rooms that know the truth and check the logic against it."""
