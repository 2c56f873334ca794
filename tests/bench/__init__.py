"""Benchmarks: figures that depend on the machine, and therefore fail no test."""
