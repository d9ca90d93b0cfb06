"""The audit report, one file a format; what is in it is `rows`' affair, in which words `wording`'s."""
