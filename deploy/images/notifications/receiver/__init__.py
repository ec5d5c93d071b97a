"""The receiver of notifications."""
