"""Notes with known identifiers, to measure the detectors on: held out from what the detectors were tuned on.

notes (how a note is written, from sentences and facts), registry (households that do not exist), ladder (detectors
added one by one), planted (an extract's own values in these sentences, for the evidence of a run). Generated notes
measure mechanisms, not the field: a figure here is an upper bound for a ministry's own notes.
"""
