"""One file a law: its formula, derivatives, inverse and fit."""
