"""The command line: words in, one use case, words out. `app` holds the commands, `terminal` what they share."""
