"""Synthetic people: seeded plans for the demo, the tests and the benchmarks. Nobody here exists."""
