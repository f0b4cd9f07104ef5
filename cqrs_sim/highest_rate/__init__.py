"""The highest rate that a design holds under a limit: searched, with its interval, and confirmed.

May import everything below the terminal, and of `sweeping` only its crews.
"""
