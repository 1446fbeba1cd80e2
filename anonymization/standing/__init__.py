"""Standing tables: coverage, errors, overlap, incidence and adequacy, all from a few released noisy tables.

`layout` the public ways in which households are told apart, and the columns that say so; `combining` sums of
released cells and ratios of such sums, with ranges that hold; `cells` a released table as an array;
`indicators` what each figure is; `participation` and `benefits` the figures themselves; `files` and `sdmx`
what is published. Everything after the noise is post-processing and costs nothing more.
"""
