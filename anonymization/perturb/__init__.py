"""Perturbative methods on arrays: no recipe, no keys, no files. Random methods take their draws as an argument.

`mdav` and `univariate` microaggregation, `pram` post-randomisation of categories, `noise`, `swap` rank and record
swapping, `rake` weights back to known totals; `leaves` and `shell` find neighbours. The steps of a recipe
(`anonymization.steps`) bring the columns, the households and the keyed draws.
"""
