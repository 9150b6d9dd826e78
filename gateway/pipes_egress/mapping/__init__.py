"""From arguments to one HTTP request: every value encoded for where it lands."""
