"""The contract between operator, gateway and broker.

Resource types, states and their transitions, denial reasons, the grant and its
hash, session-token claims, and the messages of the session service. Nothing
here does I/O, and nothing here imports another package of the product.
"""
