"""Pages and REST API over the enclave. It decides nothing: without it the command line still does everything.

`app` puts it together, `access` says who may use each route, `guards` and `problems` stand around every
request, `auth` signs people (and the workspace hub) in, `api` speaks JSON, `pages` and `journeys` speak HTML,
`present` turns what the enclave says into words, tags, tables and charts.
"""
