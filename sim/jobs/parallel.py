"""Programs side by side, at most as many at once as there are processors to run them; none outlives its caller."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from convstream.fixedpoint.kernels.runtime.machine import processors
from convstream.sim.errors import CheckFailed


class Processors:
    """What programs wait for before they run; one for all that run under the same `asyncio.run`."""

    def __init__(self, count: int | None = None):
        """So many processors, or all that this process may use."""
        self._free = asyncio.Semaphore(count or processors())

    async def run(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path, timeout_seconds: float
    ) -> int:
        """Run `command` in `folder`, write what it prints to `log`, and return its exit code.

        Raises
        ------
        CheckFailed
            It did not end in time; it is dead then, as it is if the caller is cancelled.
        """
        async with self._free:
            with log.open("wb") as output:
                process = await asyncio.create_subprocess_exec(
                    *command, cwd=folder, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=output,
                    stderr=asyncio.subprocess.STDOUT, start_new_session=True,
                )  # fmt: skip
            try:
                return await asyncio.wait_for(process.wait(), timeout_seconds)
            except TimeoutError:
                raise CheckFailed(f"{log}: did not end within {timeout_seconds:g} seconds") from None
            finally:
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    await process.wait()
