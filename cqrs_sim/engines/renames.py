"""The load that renames customers, beside the one of commands and queries."""

from cqrs_sim.actors.kernel import Body, Kernel, Rank
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.customers.customer import RenameCustomer
from cqrs_sim.engines.planning import renames_for
from cqrs_sim.load_generation.generators import OF_RENAMES, follow_plan
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.system import System


def rename_generators(
    scenario: Scenario, streams: Streams, kernel: Kernel, system: System, ends_ns: int
) -> list[Body]:
    """What sends the renames of a run until its load ends; nothing if nobody is renamed."""
    plan = renames_for(scenario, streams, ends_ns)
    if plan is None:
        return []
    intended_ns, submit = plan.intended_ns.tolist(), system.renaming.submit

    def send(command: RenameCustomer, number: int) -> None:
        submit(command, intended_ns[number])

    commands = list(plan.commands())
    return [follow_plan(kernel, intended_ns, commands, send, Rank.LOAD, OF_RENAMES)]
