"""Locust users and shapes, and the open-loop caller that outage figures come from."""
