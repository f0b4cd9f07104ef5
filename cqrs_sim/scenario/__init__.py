"""What a run is: the scenario, its units, its validation, and the presets that are shipped."""
