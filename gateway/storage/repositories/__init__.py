"""One module a subject: SQL in, domain objects out."""
