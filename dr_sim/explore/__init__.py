"""Finding what breaks, and handing over the smallest case: draws, guidance, shrinking."""
