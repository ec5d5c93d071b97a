"""Chaos Toolkit documents by area, and the actions, probes and controls that they call."""
