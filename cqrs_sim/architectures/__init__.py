"""Architectures: one load on systems that differ in nothing but how they are put together.

What a step costs (`costs`) is shared by all; an architecture (`catalogue`) says which steps there
are, who takes them, and in which database; `moving_parts` says what that needs. May import
`scenario`.
"""
