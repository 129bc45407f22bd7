"""SMPP 3.4 without I/O: PDUs, text, receipts and sessions, ESME and SMSC side."""
