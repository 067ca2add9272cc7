"""Many runs of one question: replications, comparisons, sweeps, and what may be said of them."""
