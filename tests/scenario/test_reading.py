from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.keys import keys_below
from cqrs_sim.scenario.presets import preset_text
from cqrs_sim.scenario.reading import (
    LARGEST_BYTES,
    apply_settings,
    read_document,
    read_scenario,
    scenario_from,
    to_toml,
)
from cqrs_sim.scenario.scenario import (
    Load,
    Queries,
    QueryMix,
    RateSegment,
    ReadModel,
    Run,
    Scenario,
    Service,
    Workload,
    WriteSide,
)


def mistakes_of(source: str | Path, *settings: str) -> tuple[str, ...]:
    with pytest.raises(InvalidScenarioError) as refused:
        read_scenario(source, settings)
    for mistake in refused.value.mistakes:
        assert mistake.isprintable()
        assert len(mistake) < 300
    return refused.value.mistakes


def test_a_file_may_say_as_little_as_it_likes() -> None:
    assert read_scenario('name = "small"') == Scenario(name="small")


def test_six_mistakes_are_six_lines() -> None:
    text = """
    [run]
    durration = "5s"
    warm_up = 5
    [load]
    rate = 800
    model = "opne"
    [workload]
    orders = true
    [write_side]
    service = { distribution = "exponential" }
    """
    assert mistakes_of(text) == (
        'run.warm_up = 5: a duration needs a unit, such as "5ms"',
        "run.durration: unknown key; did you mean run.duration?",
        'load.model = "opne": must be one of "open", "closed", "replay"; did you mean "open"?',
        'load.rate = 800: a rate needs a unit, such as "800/s"',
        "workload.orders = true: must be a whole number",
        'write_side.service.mean: an exponential time needs a mean above 0, such as "5ms"',
    )


def test_a_rule_is_silent_where_a_field_of_its_table_is_wrong() -> None:
    # Without the wrong rate, an open load would lack one.
    assert mistakes_of("[load]\nrate = 800\n") == (
        'load.rate = 800: a rate needs a unit, such as "800/s"',
    )


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("run = 5", "run = 5: must be a table"),
        ("[[run]]", "run = [...]: must be a table"),
        ("run.duration = 5.5", 'run.duration = 5.5: a duration needs a unit, such as "5.5ms"'),
        ("run.duration = '5'", 'run.duration = "5": a duration needs a unit, such as "5ms"'),
        ("run.duration = nan", 'run.duration = nan: a duration needs a unit, such as "5ms"'),
        ("run.duration = true", 'run.duration = true: must be a duration in quotes, such as "5ms"'),
        ("run.duration = '0s'", 'run.duration = "0s": must be from 1ns to 168h'),
        ("run.duration = '-1s'", 'run.duration = "-1s": must be from 1ns to 168h'),
        ("run.duration = '169h'", 'run.duration = "169h": must be from 1ns to 168h'),
        ("run.duration = '0.1ns'", 'run.duration = "0.1ns": is not a whole number of nanoseconds'),
        ("load.rate = inf", 'load.rate = inf: a rate needs a unit, such as "800/s"'),
        ("load.rate = 1e999", 'load.rate = inf: a rate needs a unit, such as "800/s"'),
        ("load.rate = '0/s'", 'load.rate = "0/s": must be from 0.000001/s to 100000000/s'),
        ("load.rate = 1979-05-27", 'load.rate = <date>: must be a rate in quotes, such as "800/s"'),
        ("workload.orders = 0", "workload.orders = 0: must be from 1 to 10000000"),
        ("workload.orders = 5.0", "workload.orders = 5.0: must be a whole number"),
        ("workload.orders = '5'", 'workload.orders = "5": must be a whole number'),
        ("workload.orders = 1e999", "workload.orders = inf: must be a whole number"),
        (
            f"workload.orders = 0x{'f' * 9000}",
            "workload.orders = <36000-bit integer>: must be from 1 to 10000000",
        ),
        ("queries.share = nan", "queries.share = nan: must be a finite number"),
        ("queries.share = 20", 'queries.share = 20: must be from 0 to 1, or from "0%" to "100%"'),
        (
            "queries.share = '101%'",
            'queries.share = "101%": must be from 0 to 1, or from "0%" to "100%"',
        ),
        ("queries.share = '0.2'", 'queries.share = "0.2": must be a share, such as 0.2 or "20%"'),
        ("load.speed = -inf", "load.speed = -inf: must be a finite number"),
        ("load.speed = true", "load.speed = true: must be a number"),
        ("load.speed = 0", "load.speed = 0: must be from 1e-06 to 1000000.0"),
        ("name = 5", "name = 5: must be text in quotes"),
        ("name = ''", 'name = "": must have from 1 to 80 characters'),
        (r'name = "\u0000"', 'name = "\\u0000": must not contain the character U+0000'),
        (r'name = "\u001b[2J"', 'name = "\\u001b[2J": must not contain the character U+001B'),
        ("name = '\ud800'", 'name = "\\ud800": must not contain the character U+D800'),
        (r'"a\u001b" = 5', None),
        ("load.model = 5", 'load.model = 5: must be one of "open", "closed", "replay"'),
        ("load.profile = 'abc'", None),
        ("load.profile = [5]", "load.profile[0] = 5: must be a table"),
        ("read_models = []", "read_models = []: must be a table of read models by name"),
        ("read_models = {}", "read_models: at least one is needed, of orders, statistics, search"),
        ("read_models.orders = 5", "read_models.orders = 5: must be a table"),
        (
            "read_models.orders.batch = 0",
            "read_models.orders.batch = 0: must be from 1 to 10000000",
        ),
        (
            "read_models.serch = {}",
            "read_models.serch: unknown read model; did you mean read_models.search?",
        ),
        ("rate = '5/s'", "rate: unknown key; did you mean load.rate?"),
        ("run.zzz = 1", None),
        ("", "is empty: a scenario has at least one key, such as load.rate"),
        ("# only a comment", "is empty: a scenario has at least one key, such as load.rate"),
    ],
)
def test_a_mistake_is_one_line(text: str, mistake: str | None) -> None:
    mistakes = mistakes_of(text)
    assert len(mistakes) == 1
    assert mistake is None or mistakes == (mistake,)


def test_a_misspelt_read_model_is_found_along_with_the_mistakes_in_it() -> None:
    assert mistakes_of("read_models.serch.batch = 0") == (
        "read_models.serch.batch = 0: must be from 1 to 10000000",
        "read_models.serch: unknown read model; did you mean read_models.search?",
    )


KEYS = [path for path, _ in keys_below() if "search" not in path and "statistics." not in path]
NEIGHBOURS = {"queries.services": "queries.service", "write_side.replay": "write_side.reply"}
"""Of two keys that differ by a letter, a slip in the longer may be nearer to the shorter."""


@pytest.mark.parametrize("path", KEYS)
def test_a_key_with_one_letter_changed_is_suggested(path: str) -> None:
    parent, _, key = path.rpartition(".")
    for index in range(len(key)):
        misspelt = key[:index] + ("x" if key[index] != "x" else "y") + key[index + 1 :]
        wrong = f"{parent}.{misspelt}" if parent else misspelt
        if misspelt == key[:-1] + "x" and path in NEIGHBOURS:
            continue
        meant = tuple(f"did you mean {p}?" for p in (path, NEIGHBOURS.get(path, path)))
        assert any(
            mistake.startswith(f"{wrong}: unknown") and mistake.endswith(meant)
            for mistake in mistakes_of(f"{wrong} = {{}}")
        )
        assert mistakes_of("name = 'x'", f"{wrong}=5")[0].endswith(meant)


def test_a_profile_is_read_in_both_notations() -> None:
    scenario = read_scenario(
        """
        [load]
        profile = [
            { duration = "10s", rate = "200/s" },
            { duration = "5s", start = "200/s", end = "0/s" },
        ]
        """
    )
    assert [attrs.astuple(segment) for segment in scenario.load.profile] == [
        (10_000_000_000, 200.0, 200.0),
        (5_000_000_000, 200.0, 0.0),
    ]


@pytest.mark.parametrize(
    ("segment", "mistakes"),
    [
        ('{ rate = "5/s" }', ("load.profile[0].duration: is missing",)),
        ('{ duration = "1s" }', ("load.profile[0].rate: is missing",)),
        ('{ duration = "1s", start = "5/s" }', ("load.profile[0].end: is missing",)),
        (
            '{ duration = "1s", rat = "5/s" }',
            ("load.profile[0].rat: unknown key; did you mean load.profile[0].rate?",),
        ),
        (
            '{ duration = "1s", rate = "5/s", end = "5/s" }',
            ("load.profile[0] = {...}: has rate as well as start or end; write one or the other",),
        ),
        (
            '{ duration = "1s", rate = 5 }',
            ('load.profile[0].rate = 5: a rate needs a unit, such as "5/s"',),
        ),
    ],
)
def test_a_mistake_in_a_segment_names_its_index(segment: str, mistakes: tuple[str, ...]) -> None:
    assert mistakes_of(f"load.profile = [{segment}]") == mistakes


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (b"name = \n", "line 1: not valid TOML: Invalid value"),
        (b"[run]\nduration='5s'\nduration='6s'", "line 3: not valid TOML: a key stands twice"),
        (b"[run]\n\n[run]\n", "line 3: not valid TOML: Cannot declare ('run',) twice"),
        (b"name = 'a\0b'", "line 1: not valid TOML: Found invalid character '\\x00'"),
        (b"name = \x1b[2J", "line 1: not valid TOML: Invalid value"),
        (b"\n\nname = '\xff'", "line 3: is not UTF-8"),
        ("name = 'a'".encode("utf-16"), "line 1: is not UTF-8"),
        (b"name = 'a'\n" * 100_000, "is larger than 1,000,000 bytes, too large for a scenario"),
        (b"x = " + b"[" * 100_000, "not valid TOML: nested too deep"),
        (b"x = " + b"{a=" * 100_000, "not valid TOML: nested too deep"),
        (b"x = " + b"9" * 5_000, "not valid TOML: an integer has over 4,300 digits"),
        (b"\n" + b"a." * 100_000 + b"a = 1", "line 2: is no line of a scenario (over 300 dots)"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_one_line(
    tmp_path: Path, content: bytes, mistake: str
) -> None:
    path = tmp_path / "scenario.toml"
    path.write_bytes(content)
    mistakes = mistakes_of(path)
    assert len(mistakes) == 1
    assert mistakes[0].removeprefix(f"{path}: ") == mistake


def test_a_deep_document_does_not_overflow_the_stack() -> None:
    deep = "\n".join(f"[{'a.' * 290}a.b{n}]" for n in range(10))
    assert len(mistakes_of(deep)) == 1


def test_a_byte_order_mark_and_other_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_bytes(b"\xef\xbb\xbfname = 'a'\r\ndescription = '''one\r\ntwo'''\r\n")
    scenario = read_scenario(path)
    assert (scenario.name, scenario.description) == ("a", "one\ntwo")


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text("name = 'a'\n".ljust(LARGEST_BYTES, "\n"))
    assert read_scenario(path).name == "a"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    assert mistakes_of(missing) == (f"{missing}: cannot be read: No such file or directory",)
    assert mistakes_of(tmp_path) == (f"{tmp_path}: cannot be read: Is a directory",)
    assert len(mistakes_of(Path("a\0b"))) == 1


def test_a_file_of_another_kind_gives_no_flood_of_lines() -> None:
    assert len(mistakes_of("\n".join(f"key{n} = 1" for n in range(5_000)))) == 11
    segments = "4," * 900
    assert len(mistakes_of(f"load.profile = [{segments}]")) == 101
    assert len(mistakes_of(f"load.profile = [{segments * 10}]")) == 1


def test_settings_override_the_document_in_order() -> None:
    scenario = read_scenario(
        preset_text("default"),
        [
            "load.rate=500/s",
            'run.duration="5s"',
            "run.duration=6s",
            "workload.orders=7",
            "queries.share=20%",
            "queries.mix={ by_id = 1 }",
            "read_models.search.service.mean=2ms",
            "name=2024",
        ],
    )
    assert scenario.load.rate == 500.0
    assert scenario.run.duration == 6_000_000_000
    assert scenario.workload.orders == 7
    assert scenario.queries.share == 0.2
    assert scenario.queries.mix == QueryMix()
    assert scenario.read_models["search"].service.mean == 2_000_000
    assert scenario.name == "2024"


def test_settings_leave_the_document_as_it_was() -> None:
    document = read_document(preset_text("default"))
    apply_settings(document, ["load.rate=500/s"])
    assert document == read_document(preset_text("default"))


def test_none_takes_an_optional_key_out() -> None:
    text = preset_text("default")
    assert read_scenario(text, ["load.model=closed", "load.rate=none"]).load.rate is None
    assert mistakes_of(text, "run.duration=none")


@pytest.mark.parametrize(
    ("setting", "mistake"),
    [
        ("load.rate", '--set "load.rate": must be path=value, such as load.rate="800/s"'),
        ("=5", '--set "=5": must be path=value, such as load.rate="800/s"'),
        (
            "run..duration=5",
            '--set "run..duration=5": must be path=value, such as load.rate="800/s"',
        ),
        ("run.durration=5s", "run.durration: unknown key; did you mean run.duration?"),
        ("run.duration=5", 'run.duration = 5: a duration needs a unit, such as "5ms"'),
        ("run=5", "run = 5: must be a table"),
        ("run.duration.x=5", "run.duration.x: unknown key; run.duration is not a table"),
        ("write_side.replay=5", 'write_side.replay = 5: a duration needs a unit, such as "5ms"'),
        (
            "write_side.snapshot_every=-1",
            "write_side.snapshot_every = -1: must be from 0 to 10000000",
        ),
        ("write_side.replay=-1ms", 'write_side.replay = "-1ms": must be from 0s to 168h'),
        ("read_models.x.batch=5", None),
        ("read_models.orders=5", "read_models.orders = 5: must be a table"),
        ("name=a\nb", 'name = "a\\nb": must not contain the character U+000A'),
        ("name=1\nload.model='closed'", None),
        ("name=\udc80", 'name = "\\udc80": must not contain the character U+DC80'),
        ("workload.orders=" + "9" * 5_000, None),
        ("workload.orders=" + "[" * 100_000, None),
    ],
)
def test_a_wrong_setting_is_one_line(setting: str, mistake: str | None) -> None:
    mistakes = mistakes_of(preset_text("default"), setting)
    assert len(mistakes) == 1
    assert mistake is None or mistakes == (mistake,)


def test_a_setting_below_a_value_of_the_document_is_refused() -> None:
    assert mistakes_of("run = 5", "run.duration=5s") == ("run = 5: must be a table",)


def test_all_wrong_settings_are_found_at_once() -> None:
    assert len(mistakes_of("name = 'x'", "a", "run.x=1", "b=5")) == 3


def test_a_scenario_is_written_with_every_key() -> None:
    document = read_document(to_toml(Scenario()))
    written = {path for path, _ in keys_below() if _is_in(document, path)}
    missing = {path for path, _ in keys_below()} - written
    assert {path for path in missing if not path.startswith("read_models.")} == {
        "load.log",
        "load.profile",
        "write_side.pauses",
        "write_side.database",
        "write_side.crashes",
        *(path for path, _ in keys_below() if path.startswith(("databases", "queries.services"))),
    }


def _is_in(document: Any, path: str) -> bool:
    for name in path.split("."):
        if name not in document:
            return False
        document = document[name]
    return True


def test_read_models_are_written_in_their_order() -> None:
    scenario = Scenario(read_models={"search": ReadModel(), "orders": ReadModel()})
    assert list(read_scenario(to_toml(scenario)).read_models) == ["search", "orders"]


DURATIONS = st.integers(1, 10**14)
RATES = st.floats(1e-6, 1e8)
SHARES = st.floats(0.0, 1.0)
COUNTS = st.integers(1, 10_000_000)
WEIGHTS = st.floats(0.0, 1e9)
CHARACTERS = st.characters(exclude_categories=["Cc", "Cs"])
SERVICES = st.builds(
    Service, distribution=st.sampled_from(["constant", "exponential"]), mean=DURATIONS
)
SERVICES |= st.just(Service(distribution="real")) | st.builds(
    Service, distribution=st.just("lognormal"), mean=DURATIONS, spread=st.floats(0.001, 5.0)
)
PAUSES = SERVICES.filter(lambda service: service.distribution != "real")
SEGMENTS = st.builds(RateSegment, duration=DURATIONS, start=RATES, end=RATES | st.just(0.0))
CLOSED = st.builds(Load, model=st.just("closed"), clients=COUNTS, think_time=PAUSES)
REPLAYS = st.builds(
    Load,
    model=st.just("replay"),
    log=st.text(CHARACTERS, min_size=1),
    speed=st.floats(1e-6, 1e6),
)
OPEN = st.builds(Load, process=st.sampled_from(["constant", "poisson"]), rate=RATES) | st.builds(
    Load, profile=st.lists(SEGMENTS, min_size=1, max_size=5)
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    values: dict[str, Any] = {
        "name": draw(st.text(CHARACTERS, min_size=1, max_size=80)),
        "description": draw(st.text(CHARACTERS | st.sampled_from("\n\t"), max_size=1000)),
        "load": draw(CLOSED | REPLAYS | OPEN),
        "run": draw(st.builds(Run, duration=DURATIONS, drain=DURATIONS, quantum=COUNTS)),
        "workload": draw(
            st.builds(
                Workload,
                kind=st.sampled_from(["lifecycle", "amendments"]),
                popularity=st.sampled_from(["uniform", "zipf"]),
                orders=COUNTS,
                cancel_share=SHARES,
                invalid_share=st.floats(0.0, 0.999),
                zipf_exponent=st.floats(0.0, 10.0),
            )
        ),
        "queries": draw(
            st.builds(
                Queries,
                share=SHARES,
                sessions=COUNTS,
                mix=st.builds(QueryMix, by_id=st.floats(0.1, 1e9), statistics=WEIGHTS),
                service=SERVICES,
            )
        ),
        "write_side": draw(st.builds(WriteSide, service=SERVICES, mailbox=COUNTS)),
        "read_models": draw(
            st.fixed_dictionaries(
                {
                    "orders": st.builds(ReadModel, service=SERVICES),
                    "statistics": st.builds(ReadModel),
                },
                optional={"search": st.builds(ReadModel, batch=COUNTS, checkpoint=DURATIONS)},
            )
        ),
    }
    try:
        return Scenario(**values)
    except InvalidScenarioError:
        # The rate makes too many operations in the run, or less than one.
        return Scenario(**(values | {"load": Load(model="closed")}))


@given(scenarios())
@settings(max_examples=200, deadline=None)
def test_every_scenario_survives_writing_and_reading(scenario: Scenario) -> None:
    text = to_toml(scenario)
    again = read_scenario(text)
    assert again == scenario
    assert list(again.read_models) == list(scenario.read_models)
    assert to_toml(again) == text


TOML_VALUES = st.recursive(
    st.none().map(lambda _: "") | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(KEYS), TOML_VALUES, min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_any_document_is_a_scenario_or_a_list_of_mistakes(values: dict[str, object]) -> None:
    document: dict[str, object] = {}
    for path, value in values.items():
        table = document
        *parents, key = path.split(".")
        for parent in parents:
            below = table.setdefault(parent, {})
            table = below if isinstance(below, dict) else {}
        table[key] = value
    mistakes: tuple[str, ...] = ()
    try:
        scenario_from(document)
    except InvalidScenarioError as error:
        mistakes = error.mistakes or ("no mistake\n",)
    assert all(mistake.isprintable() for mistake in mistakes)
