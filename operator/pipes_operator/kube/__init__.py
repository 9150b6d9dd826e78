"""The API server: credentials, raw JSON calls with typed errors, leader election."""
