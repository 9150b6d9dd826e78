"""What Google's APIs have in common: error answers, whose token it is, page tokens."""
