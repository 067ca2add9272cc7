"""The files of a database at the secondary: their life, their one owner, landing, keeping, and
the fetching of what does not come by itself.
"""
