"""One small generation of every format that has been released, and what must still be answered from it."""
