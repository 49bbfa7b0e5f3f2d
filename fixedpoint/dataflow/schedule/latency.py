"""Pipeline depths of the cores, each written down once: the hardware is built from them, the cycle model counts them.

A `plan` is a `Plan`, for the weight gradient a `GradientPlan`.

Forward and input gradient, from a slot (a multiply cycle) to its beat::

    slot -> operands -> products -> sums -> accumulator -> requantized -> result queue -> sender -> m_axis
         |operand   |MULTIPLY   |levels |1             |REQUANTIZE    |SEND                          |
         |sum_latency                   |
         |result_latency                                              |
"""

# --- control: a row of the source arrives, a position is offered, its slots are issued -------------------------------

#: Cycles from the last beat of a source row until a position sees that the row is complete.
ROW_ARRIVAL = 2

#: Cycles from the last beat of a source pixel until a position sees it in the row that is still arriving.
PIXEL_ARRIVAL = 1

#: Cycles from issuing a slot until it is there for the pipeline behind it.
SLOT_LATENCY = 1

#: Cycles from a slot until the line buffer gives back its rows: the earliest write then follows the last read.
RELEASE_LATENCY = 1

#: Cycles from issuing a row's last slot until its place in the ring may take a beat.
ROW_FREED = SLOT_LATENCY + RELEASE_LATENCY + 1

# --- the pipeline behind a slot --------------------------------------------------------------------------------------

#: Cycles from a slot to the words of its window.
READ_LATENCY = 4

#: Cycles from operands to their product: a register for each of them beside the multiplier, and one after it.
MULTIPLY_LATENCY = 2

#: Cycles from the cycle in which a result's flags are seen until its biases are there.
BIAS_LATENCY = 2

#: Cycles from the accumulator to the result.
REQUANTIZE_LATENCY = 3

#: Cycles from a result's entry into the empty queue to its beat.
SEND_LATENCY = 2


def operand_latency(plan) -> int:
    """Cycles from a slot to its operands."""
    return READ_LATENCY + 1 if plan.masked else READ_LATENCY


def tree_levels(terms: int) -> int:
    """Cycles that a tree of adders takes to sum `terms`."""
    return (terms - 1).bit_length()


def sum_latency(plan) -> int:
    """Cycles from a slot to the sum of its products."""
    return operand_latency(plan) + MULTIPLY_LATENCY + tree_levels(plan.source_lanes * plan.layer.lanes.kernel_lanes)


def result_latency(plan) -> int:
    """Cycles from the last slot of a result to its entry into the result queue."""
    return sum_latency(plan) + 1 + REQUANTIZE_LATENCY


#: Most results that the queue keeps while zeros are sent; beyond it the multipliers would wait.
LONGEST_WAIT = 256


def queue_depth(plan) -> int:
    """Places in the result queue: for all results that can be on their way, and those that wait for a gap to pass."""
    in_flight = -(-(result_latency(plan) + 5) // plan.fewest_slots) + 1
    waiting = min(LONGEST_WAIT, -(-plan.longest_gap // plan.fewest_slots))
    return max(4, 1 << (in_flight + waiting - 1).bit_length())


# --- the weight gradient ---------------------------------------------------------------------------------------------

#: Cycles from the address of a run's accumulator to the write of its new value.
UPDATE_LATENCY = 3

#: Cycles from reading an accumulator until its new value may be read.
UPDATE_CYCLES = UPDATE_LATENCY + 1

#: Cycles from a step of the drain to the word that it asked for: address, memory, register.
DRAIN_READ_LATENCY = 3

#: Cycles from the last beat of dz of a batch until the first of its sums may be asked for.
SUM_LATENCY = 2

#: The same as DRAIN_READ_LATENCY for a sum of dz, which is read from registers.
BIAS_READ_LATENCY = 1


def select_latency(count: int) -> int:
    """Cycles that it takes to select one of `count` words, four at a time."""
    return -(-(count - 1).bit_length() // 2)


def address_latency(plan) -> int:
    """Cycles from a slot to the address of its accumulator: one before its product."""
    return operand_latency(plan.window) + MULTIPLY_LATENCY - 1


def update_latency(plan) -> int:
    """Cycles from a run's last slot until its accumulator may be read."""
    return address_latency(plan) + UPDATE_LATENCY + 1


def drained_latency(words: int, read_latency: int) -> int:
    """Cycles from a step of the drain to the queue of its stream, one of `words` words being selected."""
    return read_latency + select_latency(words) + REQUANTIZE_LATENCY


def drain_queue_depth(words: int, read_latency: int) -> int:
    """Places in the queue of dw or db: for all beats that can be on their way."""
    return 1 << (drained_latency(words, read_latency) + 4).bit_length()


def drain_latency(plan) -> int:
    """Cycles from the last slot of a batch to its first beat of dw."""
    banks = plan.layer.lanes.out_lanes * plan.layer.lanes.kernel_lanes
    return update_latency(plan) + 1 + drained_latency(banks, DRAIN_READ_LATENCY) + SEND_LATENCY
