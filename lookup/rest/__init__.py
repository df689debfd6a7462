"""The REST face, version 1: HTTP in, a question to the generation, HTTP out. Rules and shapes: docs/api.md."""
