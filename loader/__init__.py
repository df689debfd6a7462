"""The control plane: feed files become generations, which the lookup service takes up."""
