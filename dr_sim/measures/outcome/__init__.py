"""The outcome of a failover: data loss, the outage and its phases, and what users got."""
