"""Published statements against ours."""
