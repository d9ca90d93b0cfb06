"""What the connector does, a verb a file. Each use case takes concrete adapters and values, never settings."""
