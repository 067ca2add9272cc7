"""Repairs: getting past what cannot be restored, a copy that is lost, and a restore beside the
service.
"""
