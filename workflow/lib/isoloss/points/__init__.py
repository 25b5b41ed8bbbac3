"""What enters a fit."""
