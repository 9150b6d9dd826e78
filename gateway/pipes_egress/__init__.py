"""Egress: gets a credential from Pipes and calls the provider. Runs in the broker, or inside the gateway.

`egress.Egress` is the library, `call` what it is asked and answers, `settings`
its settings, `broker` the service. Nothing is imported here, so that a gateway
which only needs the types loads no more than those.
"""
