"""Carriers: binds over TCP, window, rate, and the SMS lane over all of them."""
