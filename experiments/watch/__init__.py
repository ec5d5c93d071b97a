"""Threads that write what they see into the record while an experiment runs."""
