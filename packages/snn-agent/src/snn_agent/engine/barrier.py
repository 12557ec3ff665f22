"""A place where the threads of one kernel wait for each other, without leaving the kernel."""

from __future__ import annotations

import os
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from snn_agent.engine.numba_compile import inlined, kernel

PATIENCE: Final = 2000
"""Looks at the counter before the processor is offered to others, some tens of microseconds."""


@intrinsic
def give_way(typing: Any) -> Any:
    """Offer the processor to others, where the system (POSIX) has a call for it; else do nothing."""
    del typing

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del sig, args
        if os.name == "posix":
            function = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(ir.IntType(32), []), "sched_yield"
            )
            builder.call(function, [])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def arrive(typing: Any, counter: Any) -> Any:
    """Add one to ``counter[0]``, int64, after everything this thread has written before."""
    del typing

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array = cgutils.create_struct_proxy(sig.args[0])(context, builder, args[0])
        builder.atomic_rmw("add", array.data, ir.Constant(ir.IntType(64), 1), "seq_cst")
        return context.get_dummy_value()

    return types.void(counter), generate


@intrinsic
def arrived(typing: Any, counter: Any) -> Any:
    """``counter[0]``, before everything this thread reads afterwards."""
    del typing

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array = cgutils.create_struct_proxy(sig.args[0])(context, builder, args[0])
        return builder.load_atomic(array.data, "seq_cst", align=8)

    return types.int64(counter), generate


@inlined
def wait_for(counter, goal):  # type: ignore[no-untyped-def]
    """Arrive, and wait until ``goal`` arrivals have been counted since the beginning."""
    arrive(counter)
    looks = 0
    while arrived(counter) < goal:
        looks += 1
        if looks > PATIENCE:
            give_way()


@kernel
def look_out(counter, seen, looks):  # type: ignore[no-untyped-def]
    """Look whether ``counter[0]`` has gone beyond ``seen``, so many times at most."""
    for _ in range(looks):
        if arrived(counter) > seen:
            return
        give_way()
