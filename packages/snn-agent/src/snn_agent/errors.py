"""What can go wrong, by kind. Every message says what happened, why, and what to do, with the value."""

from __future__ import annotations


class SnnAgentError(Exception):
    """Base of all errors of this package: raised as one of its kinds only; catch it to catch them all."""


class ConfigError(SnnAgentError, ValueError):
    """An argument or a setting cannot be used: out of range, of the wrong kind, or at odds with another one."""


class SpaceError(ConfigError):
    """An environment's observation or action space is not one that this agent can sense or act in."""


class CapacityError(SnnAgentError):
    """A structural edit asks for more neurons than may live, or would leave fewer than must."""


class CheckpointError(SnnAgentError):
    """A checkpoint cannot be read: it is missing, damaged, or made for another network."""


class BackendUnavailable(SnnAgentError, RuntimeError):  # noqa: N818 - the name says what is the case
    """An engine or a device was asked for by name, but this machine or installation does not have it."""


class NonFiniteError(SnnAgentError, ArithmeticError):
    """A loss, a gradient or a weight became infinite or not a number while learning."""
