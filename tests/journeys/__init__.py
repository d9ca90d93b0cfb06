"""From config file to mailbox, through the command line as people and services use it."""
