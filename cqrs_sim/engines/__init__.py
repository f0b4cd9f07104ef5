"""The engines: each runs a scenario and returns a `Result`.

`virtual` and `wall` run the actors, `algebra` computes the same trace without them. They share the
plan of the run (`planning`). May import everything but `analysis`, `plots`, `report` and `cli`.
"""
