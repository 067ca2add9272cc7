"""The roles of sites: which one is the primary, which ones follow it, and how that changes in a
failover, in a swap, or when a site returns.
"""
