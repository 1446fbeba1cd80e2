"""Private questions from inside sessions: a door for each session, and one process that answers.

`door` is the socket that one session sees. It belongs to one person in one project and says so to `server`, the
process of its own that holds the ledger and the rows and answers; what the caller says about itself counts for
nothing. Neither the hub's event loop nor the portal ever holds a row.
"""
