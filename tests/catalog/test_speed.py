"""The bench of the catalog runs and measures; its figures are printed, not judged: machines differ."""

from bench.catalog import measure


def test_the_bench_measures_the_catalog() -> None:
    figures = measure(200)
    print({name: round(milliseconds, 2) for name, milliseconds in figures.items()})
    assert {"merge", "merge and index", "page of 50, no filter"} <= figures.keys()
    assert all(milliseconds >= 0 or "wait" in name for name, milliseconds in figures.items())
