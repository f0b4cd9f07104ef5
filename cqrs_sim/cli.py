"""The command line: options in, exit code out.

Each verb is a module of `verbs`, and whatever it needs is imported inside its command, so that
`--help` answers at once. Settings take precedence in this order: scenario file, environment
(`CQRS_SIM_*`), command line. Results go to stdout, everything else to stderr; exit codes stand in
`verbs.exits`.
"""

import click

from cqrs_sim.verbs.architectures import architectures
from cqrs_sim.verbs.calibrate import calibrate
from cqrs_sim.verbs.capacity import capacity
from cqrs_sim.verbs.check import check
from cqrs_sim.verbs.compare import compare
from cqrs_sim.verbs.delivery import delivery
from cqrs_sim.verbs.demo import demo
from cqrs_sim.verbs.diagram import diagram
from cqrs_sim.verbs.exits import CommandLine
from cqrs_sim.verbs.log import log
from cqrs_sim.verbs.projection import projection
from cqrs_sim.verbs.reads import reads
from cqrs_sim.verbs.report import report
from cqrs_sim.verbs.run import run
from cqrs_sim.verbs.scenarios import scenarios, validate
from cqrs_sim.verbs.sweep import sweep

EXAMPLES = """\b
Examples:
  cqrs-sim demo                        six commands, and when each was visible
  cqrs-sim scenarios                   the scenarios that are shipped
  cqrs-sim run                         the scenario "default", simulated
  cqrs-sim run --rate 1500/s           more load than it can take
  cqrs-sim run --engine wall           the same in real time, on this machine
  cqrs-sim reads slow_projector        what it costs to read one's own write
  cqrs-sim architectures               CRUD and kinds of CQRS under one load
  cqrs-sim sweep --vary load.rate=200/s..1200/s:lin:11
  cqrs-sim capacity --slo "lag.orders.p99 < 250ms"
  cqrs-sim calibrate                   what the real stages take on this machine
  cqrs-sim check hot_order             held against its other engine, and theory
  cqrs-sim delivery                    what is lost and doubled when processes crash
  cqrs-sim diagram multiple            its architecture, as Mermaid text
  cqrs-sim scenarios default > my.toml; cqrs-sim run my.toml
  cqrs-sim run --engine wall --store my-store; cqrs-sim log verify my-store
  cqrs-sim run --threshold "lag.orders.p99 < 50ms"
  cqrs-sim run --replications 10 -o A
  cqrs-sim run --replications 10 --set read_models.orders.service.mean=600us -o B
  cqrs-sim compare A B --gate "lag.orders.p99 +5%"
"""


@click.group(
    cls=CommandLine,
    commands=[
        *(demo, run, reads, architectures, delivery, sweep, capacity, calibrate),
        *(compare, check, report, diagram, log, projection, scenarios, validate),
    ],
    invoke_without_command=True,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="cqrs-sim", prog_name="cqrs-sim")
@click.pass_context
def main(context: click.Context) -> None:
    """Simulate a CQRS order system, and measure how far its reads trail its writes."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
