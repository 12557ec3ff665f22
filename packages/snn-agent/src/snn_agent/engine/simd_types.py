"""The types behind :mod:`snn_agent.engine.simd`: what a vector is to numba and to LLVM, and its operators."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models
from numba.core.datamodel.registry import register_default
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature

LANES: Final = 32
"""Numbers in a :class:`Vector`; arrays are padded to a multiple of it."""


class Vector(types.Type):
    """Some float32 or float64 numbers, as numba's type inference sees them."""

    def __init__(self, dtype: Any, lanes: int = LANES) -> None:
        self.dtype, self.lanes = dtype, lanes
        super().__init__(name=f"Vector({dtype}, {lanes})")

    @property
    def element(self) -> Any:
        """LLVM's type of one number."""
        return ir.FloatType() if self.dtype == types.float32 else ir.DoubleType()

    @property
    def llvm(self) -> Any:
        """LLVM's type of the vector."""
        return ir.VectorType(self.element, self.lanes)

    @property
    def suffix(self) -> str:
        """How LLVM's intrinsics call the type."""
        return f"v{self.lanes}f{self.dtype.bitwidth}"


class Mask(types.Type):
    """As many truth values as a vector has numbers."""

    def __init__(self) -> None:
        super().__init__(name="Mask")


MASK: Final = Mask()


@register_default(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, vector.llvm)


@register_default(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, mask: Mask) -> None:
        super().__init__(manager, mask, ir.VectorType(ir.IntType(1), LANES))


def _register(operation: Callable[..., Any], build: Callable[[Any, Sequence[Any]], Any], result: Any = None) -> None:
    """Teach numba a binary operator between two vectors of the same kind."""

    @infer_global(operation)
    class _Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            del kws
            if len(args) == 2 and isinstance(args[0], Vector) and args[0] == args[1]:
                return signature(result or args[0], *args)
            return None

    @lower_builtin(operation, Vector, Vector)
    def _lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        del context, sig
        return build(builder, args)


_register(operator.add, lambda builder, args: builder.fadd(*args))
_register(operator.sub, lambda builder, args: builder.fsub(*args))
_register(operator.mul, lambda builder, args: builder.fmul(*args))
_register(operator.truediv, lambda builder, args: builder.fdiv(*args))
_register(operator.gt, lambda builder, args: builder.fcmp_ordered(">", *args), MASK)
