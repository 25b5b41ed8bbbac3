"""Which logged values and which runs are to be used."""
