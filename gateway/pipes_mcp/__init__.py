"""The command line: one entry point, one process a sub-command."""
