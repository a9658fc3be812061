"""When and with what: the daily job, its steps, and the command line.

Belongs here: wiring scrapers and warehouse together, comparing, telling. Not here: SQL, HTTP, parsing.
"""
