"""Verdicts for CI: SLA lines over replications, baselines, and reports for build servers."""
