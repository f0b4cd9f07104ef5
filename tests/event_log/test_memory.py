from contracts import EventLogContract
from fakes import RecordingProbe

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.event_log.memory import MemoryLog


class TestMemoryLog(EventLogContract):
    def make(self, kernel: Kernel, probe: RecordingProbe) -> MemoryLog:
        return MemoryLog(kernel, probe)
