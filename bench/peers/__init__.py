"""What the service is measured beside, a file each. Nothing here is needed to run it."""
