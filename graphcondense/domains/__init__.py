"""What kinds of data there are: each brings a source and a synthetic set."""
