"""Everything that puts things on a cluster. Imports nothing of experiments, loadtests, reports or tests."""
