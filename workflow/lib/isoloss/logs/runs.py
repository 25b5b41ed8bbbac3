"""Which run is meant where one store holds several."""

from collections.abc import Mapping

from isoloss.logs.records import LogError

LISTED, LONG = 20, 40


def choose_run(names: Mapping[str, str], run: str | None, store: str) -> str:
    """The id of the run called `run`, by id or by name; None means the only run there is.

    names: run id -> name. Raises LogError, listing the runs, where none or several are meant.
    """
    if not names:
        raise LogError(f"{store} holds no runs")
    if run is not None and run in names:
        return run
    meant = [key for key, name in names.items() if run is None or name == run]
    if len(meant) == 1:
        return meant[0]
    shown = sorted(meant or names, key=lambda key: (names[key], key))
    listed = ", ".join(f"{names[key][:LONG]!r} (id {key[:LONG]})" for key in shown[:LISTED])
    if len(shown) > LISTED:
        listed += f" and {len(shown) - LISTED} more"
    if not meant:
        raise LogError(f"{store} has no run of the name or id {run!r}; it has {listed}")
    which = "several runs" if run is None else f"several runs named {run!r}"
    raise LogError(f"{store} holds {which}: {listed}; say which by `run:`, a name or an id")
