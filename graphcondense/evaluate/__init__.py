"""What a condensed set is worth: accuracy of other models trained on it, and its cost."""
