"""What the connector remembers: one database, a noun a file.

Stores take a session and neither open nor commit.
"""
