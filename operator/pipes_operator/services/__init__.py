"""What the operator does with its decisions: each module one concern, each write under the version decided on."""
