"""The words and rules of Burgernet: pure, no I/O, no clock of its own."""
