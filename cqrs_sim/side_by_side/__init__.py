"""All architectures under one load: the runs, what they say, and the folder that they go to.

Imports everything below the command line.
"""
