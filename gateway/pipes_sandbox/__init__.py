"""The sandbox: a stand-in for WorkOS Pipes and its providers that really answers.

It vends tokens, checks them, executes SQL, searches documents and changes records, so that demo, tests and first tries
run without an account anywhere. It shares no code with the product: what it says is what the outside would say.
"""
