"""The paper of 2018 as an experiment that can be repeated: its pictures, its three sets, its split, its table.

Nothing of it is used by the instrument. What it does on purpose as the paper did, and what not, is told in
docs/paper.md.
"""
