"""The ground that everything in the world stands on: the agenda, shared rates, disks, clocks,
drawn instants and writes.
"""
