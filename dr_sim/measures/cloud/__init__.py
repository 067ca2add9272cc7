"""Measures of the cloud manager and of machines."""
