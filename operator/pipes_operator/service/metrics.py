"""Figures of the session service."""

from prometheus_client import Counter, Gauge

STREAMS = Gauge("pipes_operator_streams", "Open streams of the session service.", ["role"])
STREAMS_ENDED = Counter("pipes_operator_streams_ended", "Streams that ended, by why.", ["reason"])
TOKENS_MINTED = Counter("pipes_operator_session_tokens_minted", "Session tokens minted.")
LEASES_RENEWED = Counter("pipes_operator_leases_renewed", "Leases renewed on a stream.")
REFUSALS = Counter("pipes_operator_request_refusals", "Requests refused by the session service, by reason.", ["reason"])
RESERVATIONS = Counter("pipes_operator_reservations", "Reservations answered.")
RESERVATION_WRITES = Counter("pipes_operator_reservation_writes", "Status writes that carried reservations.")
