"""The benchmark: what an emergency answer costs, measured against the numbers this service promises.

`python -m bench` loads synthetic people through the ordinary write, runs the service and the load generator on a CPU
each, prints a table with targets and writes `docs/benchmarks.md`. `--quick` tries the harness itself in a minute,
`--full` adds 100,000 people.
"""
