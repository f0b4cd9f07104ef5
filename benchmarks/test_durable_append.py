"""The benchmark of durable appends runs, and finds its own rows."""

from benchmarks.durable_append import run


def test_the_product_and_the_bare_loop_write_the_same_events() -> None:
    """Rows, bytes and commits are counted, whatever the machine."""
    report = run(orders=60, rounds=1)
    assert report["events"] == 4 * 60 - 60 // 5
    assert report["payload_bytes"] > 50
    for rates in (report["normal"], report["full"]):
        assert rates["product_per_s"] > 0
        assert rates["memory_per_s"] > 0
        assert rates["events_a_commit"] >= 1
