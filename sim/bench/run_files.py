"""Names of the files through which a simulation and the process that started it speak, in the run's own folder."""

STIMULUS = "stimulus.json"
RECORD = "record.json"
RESULTS = "results.xml"
LOG = "simulation.log"
WAVES = "waves.vcd"
FRAME_ERROR = "frame_error.log"
STATUS = "status.log"


def recording(stream: str) -> str:
    """What the recorder of a stream wrote down, in the fast way."""
    return f"{stream}.log"
