"""What the operator counts. Labels come from fixed sets only, so the number of series is bounded."""

from prometheus_client import Counter, Gauge, Histogram

from pipes_api.states import SessionState

TRANSITIONS = Counter("pipes_session_transitions_total", "Sessions that entered a state.", ["state"])
SESSIONS = Gauge("pipes_sessions", "Sessions by state, as last seen.", ["state"])
BINDINGS = Gauge("pipes_bindings", "ProviderBindings, by whether they are Ready.", ["ready"])
LEADER = Gauge("pipes_operator_leader", "1 while this process is the leader.")
VIEW_AGE = Gauge("pipes_operator_view_age_seconds", "Age of the proof that the view is current; +Inf without one.")
QUEUE = Gauge("pipes_operator_queue_length", "Keys that wait or are being worked on.")
WORK_SECONDS = Histogram(
    "pipes_operator_work_seconds",
    "Time to work on one key.",
    ["kind"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30),
)

STATES = tuple(SessionState)

# A series that appears with its first event looks to a rate like no event at all.
for _state in STATES:
    TRANSITIONS.labels(_state.value)
