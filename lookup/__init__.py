"""The data plane: one question about a resident's GP, answered fast."""
