"""Publishing: what is made of the warehouse for others to read.

Belongs here: feeds, exports and the site. Not here: the published database (warehouse.publish) or messages to people
(pipelines.alerts).
"""
