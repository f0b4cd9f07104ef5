"""The report: a run as one page that opens from disk, without network and without a server.

May import `analysis`, the trace, the scenario, `plain_text` and `verdict`; it takes a result as
anything that has a result's attributes, so that `results` may write the page.
"""
