r"""What a layer of LIF neurons must compute and move, counted from E1–E6 and their adjoint.

An operation is one on a single float32; a fused multiply-add is one instruction and two operations. Per neuron and
tick, with ``v_leak = v_reset = 0``, a = dt/τ_mem, b = dt/τ_syn, in the notation of ``snn_agent.engine.torch_kernels``:

===========  =============================  ========================================  ============  ==========
part         formula                        which                                     instructions  operations
===========  =============================  ========================================  ============  ==========
E1           i ← i + x                      add                                       1             1
E2           v' = v + a·(i − v)             subtract, multiply-add                    2             3
E3           i ← (1 − b)·i                  multiply                                  1             1
E4           z = v' > v_th                  compare                                   1             1
E5           v ← v' or 0                    select                                    1             1
count        n ← n + z                      add                                       1             1
**forward**                                                                           **7**         **8**
E1–E5 again  recomputed instead of stored   as above without the count                6             7
E6           q = (1 + \|α·v' − α·v_th\|)²    multiply-add, abs, add, multiply          4             5
spike        s = (g − λ_v·v')/q             multiply-add, divide                      2             3
E5           λ_v' = (1 − z)·λ_v + s         compare, select, add                      3             3
E2           λ_v ← (1 − a)·λ_v'             multiply                                  1             1
E3, E1       λ_i ← (1 − b)·λ_i + a·λ_v'     multiply, multiply-add                    2             3
drive        λ_x ← λ_x + λ_i                add                                       1             1
**adjoint**                                                                           **13**        **16**
===========  =============================  ========================================  ============  ==========

So forward is 7 instructions and 8 operations; forward and backward are 7 + 6 + 13 = 26 instructions and 8 + 7 + 16 = 31
operations. A division counts as one, though it takes several times as long. What happens once a sample and not in every
tick is left out.

The least traffic with memory, if all ticks of a neuron are computed in registers: forward reads drive, v and i and
writes count, v and i, 6 floats a neuron; backward reads drive, v, i and the count's gradient and writes the drive's, 5.
"""

from __future__ import annotations

from typing import NamedTuple

FLOAT_BYTES = 4
FORWARD, BOTH = "forward", "forward+backward"
PASSES = (FORWARD, BOTH)
_INSTRUCTIONS = {FORWARD: 7, BOTH: 26}
_OPERATIONS = {FORWARD: 8, BOTH: 31}
_FLOATS = {FORWARD: 6, BOTH: 11}


class Work(NamedTuple):
    """What one sample needs."""

    instructions: int  # each on one float32; a vector instruction of a processor does 4 to 16 of them
    operations: int  # a multiply-add is two
    bytes: int


def work_per_sample(hidden: int, ticks: int, which: str) -> Work:
    """The work of H neurons over T ticks in one pass of :data:`PASSES`; see the table above."""
    return Work(
        instructions=hidden * ticks * _INSTRUCTIONS[which],
        operations=hidden * ticks * _OPERATIONS[which],
        bytes=hidden * FLOAT_BYTES * _FLOATS[which],
    )
