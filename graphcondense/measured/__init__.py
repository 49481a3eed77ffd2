"""What was measured of the package's methods: the figures, what follows from them, the goals."""
