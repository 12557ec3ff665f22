"""Short vectors for numba's kernels: 32 numbers that stay in registers, with the few operations neurons need.

Numba's compiler finds vector instructions in the innermost loop only, but here that loop runs over ticks, which follow
one another; the neurons, which do not know each other, are the loop around it. So the kernels say what a vector is.
LLVM splits the 32 lanes into what the processor has (two registers of AVX-512, four of AVX2, eight of NEON), which also
gives it independent work to overlap. Every operation is rounded once, as IEEE 754 says: a kernel gives the same bits
wherever its code is inlined, which lets a backward pass meet the very spikes of the forward pass.

Indices are not checked: the callers pad every array to whole vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from snn_agent.engine.simd_types import LANES, Vector

GROUP: Final = 4
"""Numbers in a short vector, :func:`load4`; actions are padded to a multiple of it."""


def _pointer(context: Any, builder: Any, sig: Any, args: Any, vector: Vector) -> Any:
    array = cgutils.create_struct_proxy(sig.args[0])(context, builder, args[0])
    return builder.bitcast(builder.gep(array.data, [args[1]]), vector.llvm.as_pointer())


def _loader(lanes: int) -> Any:
    @intrinsic
    def load(typing: Any, array: Any, index: Any) -> Any:
        del typing, index
        vector = Vector(array.dtype, lanes)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            address = _pointer(context, builder, sig, args, vector)
            return builder.load(address, align=array.dtype.bitwidth // 8)

        return vector(array, types.intp), generate

    return load


load = _loader(LANES)
"""``load(array, index)``: the 32 numbers of a flat array from ``index`` on."""
load4 = _loader(GROUP)
"""``load4(array, index)``: the four numbers of a flat array from ``index`` on."""


@intrinsic
def item(typing: Any, array: Any, index: Any) -> Any:
    """``item(array, index)``: one number; unlike ``array[index]`` it asks not whether the index is negative."""
    del typing, index

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        content = cgutils.create_struct_proxy(sig.args[0])(context, builder, args[0])
        return builder.load(builder.gep(content.data, [args[1]]))

    return array.dtype(array, types.intp), generate


@intrinsic
def store(typing: Any, array: Any, index: Any, vector: Any) -> Any:
    """``store(array, index, vector)``: write the numbers of a vector, of 32 or of 4."""
    del typing, index

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        address = _pointer(context, builder, sig, args, vector)
        builder.store(args[2], address, align=vector.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


def _spread(builder: Any, value: Any, vector: Vector) -> Any:
    undefined = ir.Constant(vector.llvm, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    order = ir.Constant(ir.VectorType(ir.IntType(32), vector.lanes), [0] * vector.lanes)
    return builder.shuffle_vector(first, undefined, order)


@intrinsic
def splat(typing: Any, number: Any) -> Any:
    """``splat(number)``: a vector of 32 equal numbers, of the number's own type."""
    del typing
    vector = Vector(number)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        return _spread(builder, args[0], vector)

    return vector(number), generate


def _constant(value: float) -> Any:
    @intrinsic
    def like(typing: Any, vector: Any) -> Any:
        del typing

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            del context, sig, args
            return _spread(builder, ir.Constant(vector.element, value), vector)

        return vector(vector), generate

    return like


zeros_like = _constant(0.0)
"""A vector of zeros of the type of another."""
ones_like = _constant(1.0)
"""A vector of ones of the type of another."""


def _call(name: str, n_arguments: int) -> Any:
    def build(builder: Any, vector: Vector, args: Sequence[Any]) -> Any:
        function_type = ir.FunctionType(vector.llvm, [vector.llvm] * n_arguments)
        function = cgutils.get_or_insert_function(builder.module, function_type, f"llvm.{name}.{vector.suffix}")
        return builder.call(function, args)

    return build


def _unary(name: str) -> Any:
    build = _call(name, 1)

    @intrinsic
    def function(typing: Any, vector: Any) -> Any:
        del typing

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            del context, sig
            return build(builder, vector, args)

        return vector(vector), generate

    return function


absolute = _unary("fabs")
"""|x| of each number."""
square_root = _unary("sqrt")
"""√x of each number."""
exponential = _unary("exp")
"""e^x of each number; one call each, so slow."""


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """``a·b + c``, rounded once."""
    del typing
    build = _call("fma", 3)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        return build(builder, a, args)

    return a(a, b, c), generate


@intrinsic
def negative(typing: Any, vector: Any) -> Any:
    """−x of each number; nothing at all where it enters an :func:`fma`."""
    del typing

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        return builder.fneg(args[0])

    return vector(vector), generate


@intrinsic
def reciprocal(typing: Any, vector: Any) -> Any:
    """1/x of each number, but for a few units in the last place: gradients need no more, at a quarter of the time."""
    del typing

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        one = _spread(builder, ir.Constant(vector.element, 1.0), vector)
        return builder.fdiv(one, args[0], flags=("fast",))

    return vector(vector), generate


@intrinsic
def select(typing: Any, mask: Any, yes: Any, no: Any) -> Any:
    """``yes`` where the mask is true, ``no`` elsewhere."""
    del typing

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        return builder.select(*args)

    return yes(mask, yes, no), generate


@intrinsic
def bits_of(typing: Any, mask: Any) -> Any:
    """The mask as an unsigned 32-bit number, lane 0 lowest."""
    del typing

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        return builder.bitcast(args[0], ir.IntType(LANES))

    return types.uint32(mask), generate


@intrinsic
def trailing_zeros(typing: Any, number: Any) -> Any:
    """How many zeros stand below the lowest bit that is set in an unsigned 64-bit number, which must not be zero."""
    del typing, number

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@intrinsic
def total(typing: Any, vector: Any) -> Any:
    """The sum of a vector's numbers, always added in the same order of halves."""
    del typing

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        value, lanes = args[0], vector.lanes
        while lanes > 1:
            lanes //= 2
            halves = [
                ir.Constant(ir.VectorType(ir.IntType(32), lanes), [start + lane for lane in range(lanes)])
                for start in (0, lanes)
            ]
            parts = [builder.shuffle_vector(value, value, half) for half in halves]
            value = builder.fadd(*parts)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return vector.dtype(vector), generate
