"""Real data in, condensed data out."""
