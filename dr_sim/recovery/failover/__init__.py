"""Failover: detection, the choice of a copy, fencing, drain, promotion, and the way back."""
