"""The operator: kopf watches → work queue → pure decisions → one write under the version decided on.

`world` holds the last known state, `decisions` says what should be, `services`
bring it about, `kube` speaks to the API server, and `service` is the HTTP face
to gateways and broker.
"""
