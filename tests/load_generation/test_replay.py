import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cqrs_sim.domain.commands import (
    AmendOrder,
    CancelOrder,
    Command,
    CreateOrder,
    UpdateOrderStatus,
)
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.errors import InvalidCommandLogError, InvalidScenarioError
from cqrs_sim.ids import Cents, CustomerId, OrderId, ProductId
from cqrs_sim.load_generation import replay
from cqrs_sim.load_generation.command_row import COLUMNS
from cqrs_sim.load_generation.replay import CommandLog, read_command_log, replay_plan

HEADER = "time,order,command,customer,items,status,reason\n"
ROOT = Path(__file__).parents[2]


def item(product: str, quantity: int, price_cents: int) -> OrderItem:
    return OrderItem(ProductId(product), quantity, Cents(price_cents))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "commands.csv"


def read(path: Path, text: str | bytes) -> CommandLog:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_command_log(path)


def mistakes(path: Path, text: str | bytes) -> tuple[str, ...]:
    with pytest.raises(InvalidCommandLogError) as caught:
        read(path, text)
    return caught.value.mistakes


def test_the_example_of_the_documentation_is_read_whole() -> None:
    log = read_command_log(ROOT / "docs" / "examples" / "commands.csv")
    first, second = OrderId("A-1"), OrderId("A-2")
    expected: list[tuple[int, Command]] = [
        (0, CreateOrder(first, CustomerId("alice"),
                        (item("prod-1", 2, 2999), item("prod-2", 1, 4999)))),
        (120, CreateOrder(second, CustomerId("bob"), (item("prod-3", 1, 500),))),
        (350, UpdateOrderStatus(first, "CONFIRMED")),
        (400, AmendOrder(second, (item("prod-3", 4, 500), item("prod-1", 1, 2999)))),
        (900, UpdateOrderStatus(first, "SHIPPED")),
        (1250, CancelOrder(second, "ordered twice")),
        (1250, UpdateOrderStatus(second, "CONFIRMED")),
        (2000, UpdateOrderStatus(first, "DELIVERED")),
    ]  # fmt: skip
    assert log.times_ns.dtype == np.int64
    assert list(zip((log.times_ns // 1_000_000).tolist(), log.commands, strict=True)) == expected


def test_the_documentation_shows_the_example_as_it_is() -> None:
    example = (ROOT / "docs" / "examples" / "commands.csv").read_text()
    assert f"```csv\n{example}```" in (ROOT / "docs" / "command-log.md").read_text()


def test_all_bad_lines_are_reported_at_once(path: Path) -> None:
    text = (
        HEADER
        + "1.0,a,CreateOrder,c,p:1:1.00,,\n"
        + "0.5,a,UpdateOrderStatus,,,CONFIRMED,\n"
        + "2,a,createorder,c,p:1:1,,\n"
        + "2,a,CreateOrder,c\n"
        + "2,a,CreateOrder,c,p:1:1,,,\n"
        + "2,a,CreateOrder,c,p:1_0:1.005;q,,\n"
        + "nan,a,CancelOrder,,,SHIPPED,\n"
    )
    assert mistakes(path, text) == (
        "line 3: time '0.5' is earlier than that of line 2",
        "line 4: unknown command 'createorder'; did you mean CreateOrder?",
        "line 5: 4 fields, but the header has 7",
        "line 6: 8 fields, but the header has 7",
        "line 7: item 1: '1_0' is no whole number of up to 6 digits",
        "line 7: item 1: '1.005' is no price (9 digits, 2 decimals)",
        "line 7: item 2 'q': it must be like prod-1:2:29.99",
        "line 8: time 'nan': it must be decimal seconds (12.5) or like 2024-05-01T09:30:00.250Z",
        "line 8: CancelOrder has no status, but here is 'SHIPPED'",
    )


def test_what_the_domain_can_reject_is_not_judged(path: Path) -> None:
    log = read(
        path,
        HEADER
        + "0,,CreateOrder,,,,\n"
        + "0,a,AmendOrder,,p:0:1;p:-3:0,,\n"
        + "0,a,UpdateOrderStatus,,,LOST,\n"
        + "0,a,CancelOrder,,,,\n",
    )
    assert log.commands == [
        CreateOrder(OrderId(""), CustomerId(""), ()),
        AmendOrder(OrderId("a"), (item("p", 0, 100), item("p", -3, 0))),
        UpdateOrderStatus(OrderId("a"), "LOST"),  # type: ignore[arg-type] # no status on purpose
        CancelOrder(OrderId("a"), ""),
    ]


@pytest.mark.parametrize(
    ("times", "expected_ns"),
    [
        (("1700000000.1", "1700000000.100000001"), 1),
        (("0", "0.30000000000000004"), 300_000_000),
        (("7", "7.0000000015"), 2),
        (("2024-02-28T23:59:59.5Z", "2024-03-01 00:00:00Z"), 86_400_500_000_000),
        (("2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00.000000007Z"), 7),
        (("2024-05-01T12:00:00-0330", "2024-05-01T15:30:01Z"), 1_000_000_000),
        (("2024-05-01T12:00:00", "2024-05-01T12:00:00,25"), 250_000_000),
    ],
)
def test_times_are_exact_and_relative_to_the_first(
    path: Path, times: tuple[str, str], expected_ns: int
) -> None:
    rows = [f'"{time}",a,CancelOrder\n' for time in times]
    log = read(path, "time,order,command\n" + "".join(rows))
    assert log.times_ns.tolist() == [0, expected_ns]


@pytest.mark.parametrize(
    "time",
    [
        "", " 1", "-1", "+1", "1e3", "1_0", "inf", "0x1", "1.", ".5", "\u0661", "9" * 5000,
        "2024-05-01", "2023-02-29T00:00:00Z", "2024-05-01T24:00:01Z", "2024-05-01T12:00:00+25:00",
        "2024-05-01T12:00:00 CET", "24-05-01T12:00:00", "yesterday",
    ],
)  # fmt: skip
def test_other_times_are_refused(path: Path, time: str) -> None:
    (mistake,) = mistakes(path, f"time,order,command\n{time},a,CancelOrder\n")
    assert mistake.startswith("line 2: time ")
    assert len(mistake) < 200


def test_times_of_two_kinds_are_refused(path: Path) -> None:
    rows = "0,a,CancelOrder\n2024-05-01T12:00:00Z,a,CancelOrder\n"
    (mistake,) = mistakes(path, "time,order,command\n" + rows)
    assert mistake.endswith("is a timestamp with a zone; the rows before have decimal seconds")


def test_a_time_a_century_later_is_refused(path: Path) -> None:
    rows = "0,a,CancelOrder\n999999999999,a,CancelOrder\n"
    (mistake,) = mistakes(path, "time,order,command\n" + rows)
    assert mistake == "line 3: time '999999999999' is over 100 years after the first"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("time,order\n", ("line 1: column command is missing",)),
        ("time,order,command,costumer\n",
         ("line 1: unknown column 'costumer'; did you mean customer?",)),
        ("time,order,command,time\n", ("line 1: column time is there twice",)),
        ("time;order;command\n", (
            "line 1: column time is missing", "line 1: column order is missing",
            "line 1: column command is missing",
            f"line 1: unknown column 'time;order;command'; known are {', '.join(COLUMNS)}")),
    ],
)  # fmt: skip
def test_a_bad_header_is_all_that_is_reported(
    path: Path, header: str, expected: tuple[str, ...]
) -> None:
    assert mistakes(path, header + "x,y\n") == expected


def test_a_column_that_a_command_needs_must_be_there(path: Path) -> None:
    assert mistakes(path, "time,order,command,items\n0,a,CreateOrder,p:1:1\n") == (
        "line 2: CreateOrder needs the column customer, which the header lacks",
    )


def test_columns_may_come_in_any_order(path: Path) -> None:
    log = read(path, "status,command,order,time\nSHIPPED,UpdateOrderStatus,a,3\n")
    assert log.commands == [UpdateOrderStatus(OrderId("a"), "SHIPPED")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (HEADER.encode(), "no command follows the header"),
        (b"time,order,command\n0,\xff,CancelOrder\n", "line 2: is not UTF-8"),
        (b"time,order,\xffcommand\n0,a,CancelOrder\n", "line 1: is not UTF-8"),
        (b"time,order,command\n0,\xed\xa0\x80,CancelOrder\n", "line 2: is not UTF-8"),
        (b"time,order,command\n0,a\0b,CancelOrder\n", "line 2: holds a NUL character"),
        (b'time,order,command\n0,"a"b,CancelOrder\n', "line 2: not CSV: ',' expected after '\"'"),
        (b'time,order,command\n0,"a,CancelOrder\n', "line 2: not CSV: unexpected end of data"),
        (b"time,order,command\n0," + b"a" * 200_000 + b",CancelOrder\n",
         "line 2: not CSV: field larger than field limit (131072)"),
    ],
)  # fmt: skip
def test_hostile_bytes_are_one_line_each(path: Path, content: bytes, expected: str) -> None:
    assert mistakes(path, content) == (expected,)


def test_line_numbers_count_the_lines_of_the_file(path: Path) -> None:
    text = HEADER + '\n0,a,CancelOrder,,,,"two\nlines"\n\n1,a,Cancel,,,,\n'
    (mistake,) = mistakes(path, text)
    assert mistake == "line 6: unknown command 'Cancel'; did you mean CancelOrder?"


def test_a_byte_order_mark_and_windows_line_ends_are_fine(path: Path) -> None:
    text = "\ufeff" + HEADER + "0,ä,CancelOrder,,,,\n"
    log = read(path, text.replace("\n", "\r\n"))
    assert log.commands == [CancelOrder(OrderId("ä"), "")]


def test_what_is_shown_of_a_cell_is_escaped_and_short(path: Path) -> None:
    (mistake,) = mistakes(path, f"time,order,command\n0,a,\x1b[2J{'x' * 5000}\n")
    assert "\x1b" not in mistake
    assert len(mistake) < 200


def test_mistakes_beyond_a_thousand_are_counted(path: Path) -> None:
    found = mistakes(path, "time,order,command\n" + "0,a,Nothing\n" * 1005)
    assert len(found) == 1001
    assert found[-1] == "and 5 more mistakes"


def test_a_log_of_too_many_rows_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "ROWS_MAX", 3)
    text = "time,order,command\n" + "0,a,CancelOrder\n" * 3
    assert len(read(path, text).commands) == 3
    assert mistakes(path, text * 2) == ("line 5: a log may have 3 rows at most",)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(InvalidCommandLogError, match="no such file"):
            read_command_log(path)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cells, cells), min_size=1))
def test_any_text_survives_as_an_id_or_a_reason(path: Path, rows: list[tuple[str, str]]) -> None:
    quoted = [[cell.replace('"', '""') for cell in row] for row in rows]
    text = "".join(f'0,"{order}",CancelOrder,"{reason}"\n' for order, reason in quoted)
    log = read(path, "time,order,command,reason\n" + text)
    assert log.commands == [CancelOrder(OrderId(order), reason) for order, reason in rows]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_a_log_or_a_list_of_mistakes(
    path: Path, content: bytes, has_header: bool
) -> None:
    # Nothing else may be raised, whatever the bytes.
    with suppress(InvalidCommandLogError):
        assert read(path, (HEADER.encode() if has_header else b"") + content).commands


def log_of(*times_ns: int) -> CommandLog:
    commands: list[Command] = [CancelOrder(OrderId("a"), "") for _ in times_ns]
    return CommandLog(np.array(times_ns, np.int64), commands)


@pytest.mark.parametrize(
    ("speed", "expected"), [(1.0, [0, 5, 2**60 + 1]), (2.0, [0, 2, 2**59]), (0.5, [0, 10, 2**61])]
)
def test_a_replay_divides_the_times_by_the_speed(speed: float, expected: list[int]) -> None:
    plan = replay_plan(log_of(0, 5, 2**60 + 1), speed)
    assert plan.commands_intended_ns.tolist() == expected
    assert plan.commands_intended_ns.dtype == np.int64


def test_a_replay_sends_every_command_from_one_session_and_asks_nothing() -> None:
    log = log_of(0, 1, 2)
    plan = replay_plan(log, 3.0)
    assert plan.commands == log.commands
    assert plan.commands_session.tolist() == [0, 0, 0]
    assert (plan.setup, plan.queries) == ((), [])
    assert plan.queries_intended_ns.size == plan.queries_session.size == 0


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan, math.inf, 1e-9])
def test_an_impossible_speed_is_refused(speed: Any) -> None:
    with pytest.raises(InvalidScenarioError, match="speed"):
        replay_plan(log_of(0, 10**18), speed)
