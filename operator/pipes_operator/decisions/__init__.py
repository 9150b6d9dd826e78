"""What should be, as pure functions of what is: no I/O, no clock of their own."""
