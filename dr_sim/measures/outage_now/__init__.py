"""The outage if a failure came now, by each way back, true and reported."""
