"""What a person sees in the terminal: a safe screen, progress, and one module for each thing shown.

May import everything but `verbs` and `cli`. Everything here is text for people and may change;
programs read the JSON.
"""
