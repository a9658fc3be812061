"""The site: static pages over the published file, for everyone who does not write SQL.

Belongs here: what each page shows, its templates, style and script, and building only what moved. Not here: SQL
(warehouse.site), or what is a change and how it is said (pipelines.changes).
What the publisher wrote is untrusted: templates escape always, and only addresses of http or https become links.
"""
