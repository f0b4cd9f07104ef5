"""What queueing theory says of a scenario, where it says anything.

Every order is a server of its own, fed by a share of a Poisson process that is routed at random;
every read model is a server fed by what the orders let out. Both have closed forms under the
conditions below, and only then is anything predicted; for the rest there is a reason.

- Arrivals: open, Poisson, at a constant rate. A share of them are commands, routed independently.
- Orders live as long as the run (`amendments`), and their mailboxes make the sender wait: each is
  an M/M/1 (exponential service) or an M/D/1 (constant). An ill-shaped command is answered at once,
  one for an order that nobody knows takes its own service, and the others wait in turn.
- Events form a Poisson process if writes take no time, or if each order is an M/M/1 (Burke); what
  is rejected thins it independently. A read model is then an M/M/1 or M/D/1, behind a constant
  transport. Its channel and its batches do not matter, as long as a checkpoint takes no time; if it
  does and is stored for every event, the read model is an M/G/1.
- Nothing stands still (pauses), waits for its instant (polls) or another system (enrichment),
  stops for renames, or queues for something else (processors, databases, reads by the write side),
  and every read model has a projector.
- The load of each station is below 1.

Sources: as of `analysis.queueing`; for routing and thinning Gross and others (2008), section 1.8.
"""

import math
from collections.abc import Iterator

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.queueing import MG1, MM1
from cqrs_sim.analysis.time_quantiles import mixture_quantile_s
from cqrs_sim.load_generation.popularity import zipf_probabilities
from cqrs_sim.load_generation.workload import INVALID_KINDS
from cqrs_sim.scenario.customers import renames_of
from cqrs_sim.scenario.deliveries import unusual_deliveries
from cqrs_sim.scenario.scenario import ReadModel, Scenario, Service, Workload
from cqrs_sim.scenario.shared_databases import databases_used
from cqrs_sim.scenario.units import format_duration

QUANTILES = {"p50": 0.5, "p99": 0.99}
"""Which quantiles are predicted, where the distribution is known."""
RESPONSE = "response"
AT_ONCE, ON_ITS_OWN = 1 / len(INVALID_KINDS), 1 / len(INVALID_KINDS)
"""Of the invalid commands, which are of each kind equally often: those that are answered before
any mailbox (`no_items`), and those for an order that nobody knows."""


@attrs.frozen(kw_only=True)
class Prediction:
    """What one metric comes to in the long run."""

    metric: str
    """As in the summary, without units: `lag.orders.mean`."""
    value_s: float
    formula: str
    """By name, such as `M/M/1`."""
    relaxation_s: float
    """Time in which a start from empty is forgotten to about a third, at the slowest station that
    the metric depends on."""


@attrs.frozen(kw_only=True)
class _Station:
    """One kind of server as theory knows it."""

    formula: str
    mean_time_s: float
    relaxation_s: float
    is_exponential: bool
    """Whether the time in it is."""


def predict(scenario: Scenario) -> tuple[Prediction, ...]:
    """Everything that theory says of a scenario; empty if it says nothing."""
    found: list[Prediction] = []
    if not _why_no_responses(scenario):
        found += _responses(scenario)
    for name in scenario.read_models:
        if not _why_no_lags(scenario, name):
            found += _lags(scenario, name)
    return tuple(found)


def why_not(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """Why theory says nothing: reasons by `response` and `lag.<read model>`, that name the key.

    What has a prediction is left out.
    """
    reasons = {RESPONSE: _why_no_responses(scenario)}
    reasons |= {f"lag.{name}": _why_no_lags(scenario, name) for name in scenario.read_models}
    return {metric: why for metric, why in reasons.items() if why}


def command_rate_per_s(scenario: Scenario) -> float:
    """Commands a second of an open load at a constant rate; the rest are queries."""
    assert scenario.load.rate is not None
    return scenario.load.rate * (1.0 - scenario.queries.share)


def event_rate_per_s(scenario: Scenario) -> float:
    """Events a second: a command that is not rejected causes one."""
    return command_rate_per_s(scenario) * (1.0 - scenario.workload.invalid_share)


def order_shares(workload: Workload) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How popular the orders are, with equals taken together.

    Returns:
        How many orders there are of each popularity, and the probability that a command is for one
        of them: shape (n,) each.
    """
    orders = workload.orders
    match workload.popularity:
        case "uniform":
            return np.array([float(orders)]), np.array([1.0 / orders])
        case "zipf":
            return np.ones(orders), zipf_probabilities(orders, workload.zipf_exponent)
        case "hot_set":
            hot = workload.hot_orders
            hot_share = 1.0 if hot == orders else workload.hot_share
            counts = np.array([hot, orders - hot], np.float64)
            shares = np.array([hot_share, 1.0 - hot_share]) / np.maximum(counts, 1.0)
            return counts, shares


def _why_no_arrivals(scenario: Scenario) -> Iterator[str]:
    load, queries = scenario.load, scenario.queries
    if load.model != "open":
        yield f'load.model = "{load.model}": arrivals depend on what was answered, or recorded'
    elif load.rate is None:
        yield "load.profile: the rate changes, so there is no steady state"
    elif load.process != "poisson":
        yield f'load.process = "{load.process}": arrivals are not Poisson'
    if scenario.run.processors:
        yield f"run.processors = {scenario.run.processors}: stages wait for one another"
    if scenario.write_side.handling != "mailbox":
        yield f'write_side.handling = "{scenario.write_side.handling}": no order is a queue'
    for key in unusual_deliveries(scenario.write_side, scenario.read_models):
        yield f"{key}: processes are gone at times, or store in another order"
    for path, name in databases_used(scenario.write_side, scenario.read_models).items():
        yield f'{path} = "{name}": stages wait for one another'
    for name, model in scenario.read_models.items():
        if model.projection == "inline":
            yield f'read_models.{name}.projection = "inline": each commit takes its time too'
    if scenario.write_side.pauses:
        yield "write_side.pauses: the orders stand still at times"
    if scenario.write_side.replay:
        replay = format_duration(scenario.write_side.replay)
        yield f'write_side.replay = "{replay}": an order that was idle serves longer at first'
    if queries.share and queries.mix.by_id and queries.strategy.by_id == "write_side":
        yield 'queries.strategy.by_id = "write_side": reads queue with the commands'
    if queries.share == 1.0:
        yield "queries.share = 1: there are no commands"


def _why_no_responses(scenario: Scenario) -> tuple[str, ...]:
    side, reasons = scenario.write_side, list(_why_no_arrivals(scenario))
    if side.service.distribution == "real":
        return (*reasons, 'write_side.service = "real": nobody knows how long it takes')
    if not side.service.mean:
        return tuple(reasons)
    if scenario.workload.kind != "amendments":
        kind = scenario.workload.kind
        reasons.append(f'workload.kind = "{kind}": the commands of an order are no Poisson process')
    if side.policy != "block":
        reasons.append(f'write_side.policy = "{side.policy}": a full mailbox turns commands away')
    if not reasons:
        busiest = float(_order_rates_per_s(scenario)[1].max()) * side.service.mean / 1e9
        if busiest >= 1.0:
            reasons.append(f"write_side: the busiest order is offered {busiest:.2f} of its time")
    return tuple(reasons)


def _why_no_lags(scenario: Scenario, name: str) -> tuple[str, ...]:
    model, side = scenario.read_models[name], scenario.write_side
    path = f"read_models.{name}"
    reasons = list(_why_no_responses(scenario))
    distribution = side.service.distribution
    if distribution in ("constant", "lognormal") and side.service.mean:
        reasons.append(
            f'write_side.service.distribution = "{distribution}": what the orders let out is not '
            "Poisson"
        )
    if scenario.workload.invalid_share == 1.0:
        reasons.append("workload.invalid_share = 1: there are no events")
    if model.projection == "task":
        reasons.append(f'{path}.projection = "task": it is no queue')
    if model.index == "list":
        reasons.append(f'{path}.index = "list": it takes the longer, the more orders there are')
    if model.enrichment is not None:
        reasons.append(f"{path}.enrichment: which events wait for an answer depends on the orders")
    if name in scenario.renaming:
        reasons.append(f"{renames_of(scenario.customers)}: events wait for rows to be rewritten")
    if model.pauses:
        reasons.append(f"{path}.pauses: the projector stands still at times")
    if model.rebuilds:
        reasons.append(f"{path}.rebuilds: another projector takes over")
    if model.poll:
        every = format_duration(model.poll)
        reasons.append(f'{path}.poll = "{every}": events wait for the next poll')
    if model.service.distribution == "real":
        reasons.append(f'{path}.service = "real": nobody knows how long it takes')
    batch = min(model.batch, model.channel)
    if model.checkpoint and batch > 1:
        took = format_duration(model.checkpoint)
        reasons.append(f'{path}.checkpoint = "{took}": batches of up to {batch} share one')
    if not reasons:
        load = event_rate_per_s(scenario) * (model.service.mean + model.checkpoint) / 1e9
        if load >= 1.0:
            reasons.append(f"{path}: it is offered {load:.2f} times the work it can do")
    return tuple(reasons)


def _responses(scenario: Scenario) -> Iterator[Prediction]:
    service = scenario.write_side.service
    if not service.mean:
        yield Prediction(
            metric=f"{RESPONSE}.mean", value_s=0.0, formula="no modelled time", relaxation_s=0.0
        )
        return
    counts, rates_per_s = _order_rates_per_s(scenario)
    stations = [_station(service, float(rate)) for rate in rates_per_s]
    relaxation_s = max(station.relaxation_s for station in stations)
    # Of all commands: those answered at once, those alone with their order, those of each order.
    invalid = scenario.workload.invalid_share
    in_turn = counts * rates_per_s / command_rate_per_s(scenario)
    shares = np.array([invalid * AT_ONCE, invalid * ON_ITS_OWN, *in_turn])
    own_s = service.mean / 1e9
    means_s = np.array([0.0, own_s, *(station.mean_time_s for station in stations)])
    formula = f"{stations[0].formula} of each order"
    yield Prediction(
        metric=f"{RESPONSE}.mean",
        value_s=float(shares @ means_s),
        formula=formula,
        relaxation_s=relaxation_s,
    )
    if all(station.is_exponential for station in stations):
        for quantile, fraction in QUANTILES.items():
            yield Prediction(
                metric=f"{RESPONSE}.{quantile}",
                value_s=mixture_quantile_s(shares, means_s, fraction),
                formula=formula,
                relaxation_s=relaxation_s,
            )


def _lags(scenario: Scenario, name: str) -> Iterator[Prediction]:
    model = scenario.read_models[name]
    station, transport_s = _read_station(scenario, model), model.transport / 1e9
    behind, relaxation_s = "", station.relaxation_s
    if scenario.write_side.service.mean:
        _, rates_per_s = _order_rates_per_s(scenario)
        busiest = _station(scenario.write_side.service, float(rates_per_s.max()))
        behind, relaxation_s = " behind M/M/1", max(relaxation_s, busiest.relaxation_s)
    formula = f"{station.formula}{behind}{' + transport' if transport_s else ''}"
    yield Prediction(
        metric=f"lag.{name}.mean",
        value_s=transport_s + station.mean_time_s,
        formula=formula,
        relaxation_s=relaxation_s,
    )
    if station.is_exponential:
        for quantile, fraction in QUANTILES.items():
            yield Prediction(
                metric=f"lag.{name}.{quantile}",
                value_s=transport_s - math.log1p(-fraction) * station.mean_time_s,
                formula=formula,
                relaxation_s=relaxation_s,
            )


def _order_rates_per_s(scenario: Scenario) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many orders there are of each popularity, and what comes to the mailbox of one: (n,)."""
    counts, shares = order_shares(scenario.workload)
    in_turn = 1.0 - scenario.workload.invalid_share * (AT_ONCE + ON_ITS_OWN)
    return counts, command_rate_per_s(scenario) * in_turn * shares


def _station(service: Service, rate_per_s: float, checkpoint_s: float = 0.0) -> _Station:
    """A server that is done with a customer before it stores a checkpoint for it."""
    service_s = service.mean / 1e9
    if service.distribution == "exponential" and not checkpoint_s:
        queue = MM1(rate_per_s=rate_per_s, service_s=service_s)
        return _Station(
            formula="M/M/1",
            mean_time_s=queue.mean_time_s,
            relaxation_s=queue.relaxation_s,
            is_exponential=True,
        )
    is_constant = service.distribution == "constant"
    spread = {"constant": 0.0, "exponential": 1.0}.get(service.distribution, service.spread)
    general = MG1(
        rate_per_s=rate_per_s,
        service_s=service_s + checkpoint_s,
        service_variance_s2=(spread * service_s) ** 2,
    )
    return _Station(
        formula="M/D/1" if is_constant else "M/G/1",
        mean_time_s=general.mean_wait_s + service_s,
        relaxation_s=general.relaxation_s,
        is_exponential=False,
    )


def _read_station(scenario: Scenario, model: ReadModel) -> _Station:
    if not model.service.mean and not model.checkpoint:
        return _Station(
            formula="no modelled time", mean_time_s=0.0, relaxation_s=0.0, is_exponential=False
        )
    return _station(model.service, event_rate_per_s(scenario), model.checkpoint / 1e9)
