"""The shared vocabulary of the register: identifiers, records, code systems and the feed. Imports nothing of ours."""
