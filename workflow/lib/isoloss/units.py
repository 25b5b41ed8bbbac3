"""Units of the tables' columns."""

PFLOP_S_DAY = 1e15 * 86_400  # FLOPs
