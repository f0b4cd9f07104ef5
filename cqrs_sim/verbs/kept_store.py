"""Where a run keeps its store: where it was told to, or in the folder of its result."""

import shutil
import tempfile
from pathlib import Path

from cqrs_sim.errors import StoreError

NAME = "store"
"""Of the store in a result's folder."""


class StoreAt:
    """A store where it was asked for, or none."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def settle(self, *, is_written: bool) -> None:
        """The result was written, or could not be: the store stays where it is."""

    def close(self) -> None:
        """Nothing is left to clear away."""


class StoreBeside(StoreAt):
    """A store that is to be in the result's folder, which is made all at once when the run is over.

    Until then it is in a hidden folder beside that one, on the same disk.
    """

    def __init__(self, result: Path) -> None:
        """Make room beside the folder of a result.

        Raises:
            StoreError: if there is none.
        """
        self._result = result
        try:
            result.parent.mkdir(parents=True, exist_ok=True)
            self._beside = Path(tempfile.mkdtemp(prefix=".cqrs-sim-store-", dir=result.parent))
        except OSError as error:
            raise StoreError(f"{result.parent}: {error.strerror or error}") from error
        super().__init__(self._beside / NAME)

    def settle(self, *, is_written: bool) -> None:
        """Move the store into the result, if there is one; else it goes with the run."""
        if is_written and self.path is not None:
            self.path = self.path.rename(self._result / NAME)
        else:
            self.path = None

    def close(self) -> None:
        """Clear away what is left beside the result."""
        shutil.rmtree(self._beside, ignore_errors=True)
