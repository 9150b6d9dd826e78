"""May this call pass? Pure rules over grant, live state, call and time.

`chain.decide` is the answer, and `chain` the list of rules in the order they are asked; `session_rules`, `tool_rules`
and `call_rules` hold one function for each; `selection` says which session a call runs under, `exact` which single
calls were approved, `limits` what a call takes from a budget. The gateway asks before it sends a call on, and egress
asks again before every send.
"""
