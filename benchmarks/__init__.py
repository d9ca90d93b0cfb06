"""How fast the connector is, measured against something else in the same run; `python3 bootstrap.py bench` lists them.

Each benchmark is a module with a `main`: it prints a small table and, as its last line, one JSON document. Seconds
of one machine say little, so what counts is the ratio to a rival, a floor or a limit. Nothing here runs in the tests,
and nothing in the tests is timed. Figures and what they mean: docs/performance.md.
"""
