"""What a person writes of a study: read, checked and completed."""
