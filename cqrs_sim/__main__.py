"""`python -m cqrs_sim`: the command line."""

from cqrs_sim.cli import main

if __name__ == "__main__":
    main()
