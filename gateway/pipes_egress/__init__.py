"""Egress: gets a credential from Pipes and calls the provider. Runs in the broker, or inside the gateway."""
