"""What is asked of the system, and when: arrivals, popularity, workload, plan, replay, generators.

Everything here that is random is drawn from named streams. May import `errors`, `ids`, `actors`,
and of the domain only `commands` and `queries`; the system is driven through what is passed in.
"""
