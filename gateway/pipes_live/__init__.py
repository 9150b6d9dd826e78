"""The session service seen from its clients: the live view, session tokens, leases, budgets, and the audit seam.

`client.SessionService` keeps one stream to the operator and feeds a
`view.LiveView`. Gateway and broker read the view on every call; nothing here
decides whether a call may pass (that is `pipes_policy`).
"""
