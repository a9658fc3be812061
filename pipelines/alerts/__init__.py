"""Telling people: who wants what, what they are told, and how it reaches them, each thing once.

Belongs here: subscriptions, addressing, messages, channels, delivering, silence. Not here: what changed
(pipelines.changes) or the rows of the outbox (warehouse.outbox).
"""
