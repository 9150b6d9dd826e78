"""The broker: egress as a service, so that WorkOS key and provider credentials never enter an agent's pod."""
