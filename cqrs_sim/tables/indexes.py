"""Indexes held to their table: what one goes through by an index must be what a scan finds.

SQLite keeps its indexes itself, so a difference is a damaged file or a bug. `PRAGMA
integrity_check` compares them too, but reads all tables and tells neither keys nor meaning.
"""

from collections.abc import Set

from cqrs_sim.tables.connection import Connection

SHOWN = 3
"""Differences that are told of each index."""


def index_faults(connection: Connection, table: str, index: str) -> list[str]:
    """What an index has too much or too little; empty if it agrees with its table.

    Args:
        connection: to the file.
        table: with a rowid; it must be a name that a program wrote, not a person.
        index: of that table, likewise.

    Returns:
        At most a few lines, each with the key and the rowid.
    """
    described = connection.execute(f"PRAGMA index_info({index})").fetchall()
    keys = ", ".join(f'"{name}"' for _, _, name in described)
    columns = f"{keys}, rowid" if keys else "rowid"
    # Names cannot be parameters of a statement; these are constants of the program.
    scan = f"SELECT {columns} FROM {table} NOT INDEXED"  # noqa: S608
    walk = f"SELECT {columns} FROM {table} INDEXED BY {index} ORDER BY {columns}"  # noqa: S608
    found = connection.execute(walk)
    return differences(index, set(connection.execute(scan)), set(found))


def differences(name: str, wanted: Set[object], found: Set[object]) -> list[str]:
    """What is missing in `found`, and what should not be there, a few of each."""
    told = []
    for word, surplus in (("lacks", wanted - found), ("should not have", found - wanted)):
        rows = sorted(surplus, key=repr)
        told += [f"{name} {word} {row!r}" for row in rows[:SHOWN]]
        if len(rows) > SHOWN:
            told.append(f"{name} {word} {len(rows) - SHOWN:,} more")
    return told
