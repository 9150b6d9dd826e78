"""One module or package per provider; each is found by its place and says what it is with `PROVIDER`."""
