"""May this call pass? Pure checks over grant, live state, call and time.

`chain.decide` is the answer; `checks` holds one function per rule, in the order
they are asked; `selection` says which session a call runs under. The gateway
asks before it sends a call on, and egress asks again before every send.
"""
