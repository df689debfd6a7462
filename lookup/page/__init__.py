"""The web page for clinicians: who signs in states a reason, types a national id, and is told of the person's GP."""
