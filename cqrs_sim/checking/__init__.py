"""Why the engines may be believed: what must hold exactly, what theory says, what the machine does.

`scenario_check` is the way in; it may import everything but what the command line is made of.
"""
