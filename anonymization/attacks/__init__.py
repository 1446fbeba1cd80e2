"""Singling out, linkability and attribute inference, tried on a table before it is released.

settings (how hard), knowledge (what an attacker knows of a recipe), profiles (what is compared), singling_out,
linkability, inference (the attacks), intervals (rates and risk), report (evidence), microdata and synthetic (what
is held out, and how the tables come about).
"""
