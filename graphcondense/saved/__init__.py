"""What is on disk: condensed sets, as files that hold data and never code."""
