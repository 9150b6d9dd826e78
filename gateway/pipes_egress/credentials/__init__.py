"""Credentials of connections: vended by Pipes, kept no longer than they are good for."""
