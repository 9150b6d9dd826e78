"""Keys the operator holds: what signs session tokens, and the authority behind the TLS of our own hops."""
