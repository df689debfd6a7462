"""Load tests for operations: a normal day, ten times that, a month's start, the loss of a node; with thresholds."""
