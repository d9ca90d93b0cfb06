"""Are the customers ready: what set-up would change, which KvK numbers are missing, and the report of it; pure."""
