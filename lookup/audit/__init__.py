"""Who asked: a record before every answer about a person, in files that show when anything in them was changed."""
