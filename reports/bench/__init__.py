"""Benchmarks of judging and reporting: each figure beside the most it may be."""
