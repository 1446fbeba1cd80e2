"""The one engine that runs a recipe: over one partition in memory or many on disk, in one process or on a cluster.

Where data comes from: sources (a table, a CSV or Parquet file, in batches), intake (rows get their number and their
household's partition), conform (text to types; rows that cannot be used are set aside with a reason).
Where it lies between passes: store, sealed.
What is done: stages (which steps share a pass), work (one partition through one pass: the only function that workers
run), held (a step is held to its word), measuring and leaks (risk, identifiers that survive: in counts that add up),
executors and dask_cluster (who runs the work), engine (the passes in order), output (rows in their order, out).
"""
