"""The primary: its databases, the jobs that back them up, its files, and how it is lost."""
