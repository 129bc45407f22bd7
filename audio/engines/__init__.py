"""Voices behind one port (``engine.Engine``), each under a deadline; ``chain`` tries them in order."""
