"""A small real shop, the system under test: app (public), api, worker; PostgreSQL is the truth, Redis carries the jobs.

One image, one process a pod: `python -m shop app|api|worker`. It runs on Python 3.11 and imports nothing of the suite.
Ports: 8080 business and probes, 9090 the fault switch (its own thread), 9102 metrics.
"""
