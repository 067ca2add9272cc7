"""The folders that runs leave on disk: of one run, of many replications, of a sweep."""
