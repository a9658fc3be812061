"""The built-in sample site: invented standards over three nights, served on loopback.

Belongs here: everything the demo and the tests need instead of the real site. Not here: real
records, or anything that reads a page.
"""
