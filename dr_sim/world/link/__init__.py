"""The connection between two sites: the link, replication through folders, heartbeats, and
questions to the other side.
"""
