"""Who may ask: credentials, roles, quotas. What a caller may not have is settled before the question is looked at."""
