"""A made-up Norway in the right proportions: who lives where, who their GP is, and what changes from day to day."""
