"""What runs leave on disk: the folder of one run, and that of many replications or a sweep."""
