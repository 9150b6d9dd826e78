"""The session service: the operator's HTTP face to gateways and broker.

Offers, sessions, session tokens and changes go out on one stream for each
caller; requests and reservations come in. TLS always; who calls is what
TokenReview says, never what the caller says.
"""
