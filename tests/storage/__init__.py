"""Tests of what the connector remembers."""
