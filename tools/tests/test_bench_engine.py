"""The benchmark of the hidden layer measures what it says: equal neurons, consistent ratios, honest counts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import layers, operations
from benchmarks.peak import measure_peak

from snn_agent.neurons.lif import LIFParameters
from snn_agent.neurons.surrogate import SurrogateSpec

TOOLS = Path(__file__).parents[1]
TICKS = 10
DRIVE = 0.5 + 0.5 * torch.randn((32, 20), generator=torch.Generator().manual_seed(1))


def counts_and_gradient(layer: layers.Layer) -> tuple[torch.Tensor, torch.Tensor]:
    """With the gradient by the drive as we mean it, whatever the library's unit."""
    drive = (DRIVE * layer.drive_scale).requires_grad_()
    counts = layer.run(drive)
    weight = torch.randn(DRIVE.shape, generator=torch.Generator().manual_seed(2))
    (gradient,) = torch.autograd.grad((counts * weight).sum(), drive)
    return counts.detach(), gradient * layer.drive_scale


@pytest.mark.slow
def test_figures_are_complete_and_ratios_are_those_of_the_rates(tmp_path: Path) -> None:
    figures, page = tmp_path / "figures.json", tmp_path / "page.md"
    sizes = ["--hidden", "8", "12", "--samples", "16", "--ticks", "3", "--seconds", "0.01", "--repeats", "2"]
    who = ["--engines", "torch", "norse", "abacus", "--no-compiled-norse", "--threads", "1"]
    command = [sys.executable, TOOLS / "bench.py", "engine", *sizes, *who, "--json", figures, "--markdown", page]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    result = json.loads(figures.read_text())["engine"]
    assert "abacus" in result["skipped"]["engine abacus"]
    assert "engine abacus left out" in answer.stdout
    rows = {(row["layer"], row["pass"], row["hidden"]): row for row in result["rows"]}
    names = {row["layer"] for row in result["rows"]}
    assert {"torch", "norse", "Norse"} <= names
    assert set(rows) == {(name, which, hidden) for name in names for which in operations.PASSES for hidden in (8, 12)}
    for (_, which, hidden), row in rows.items():
        rate, base = row["samples_per_second"], rows["Norse", which, hidden]["samples_per_second"]
        assert rate >= row["slowest_round"] > 0
        assert row["times_norse"] == pytest.approx(rate / base)
        assert row["times_compiled_norse"] is None
        assert ("share_of_peak" in row) == row["own"] == (row["layer"] in ("torch", "norse"))
    work = operations.work_per_sample(12, 3, "forward")
    row = rows["torch", "forward", 12]
    assert row["share_of_peak"] == pytest.approx(
        row["samples_per_second"] * work.operations / result["peak"]["operations"]
    )
    text = page.read_text()
    assert text.count("| torch |") >= 4
    assert "bench.py engine" in text


def test_a_norse_users_loop_is_our_neuron() -> None:
    ours, _ = counts_and_gradient(layers.own_engine("torch", TICKS))
    theirs, _ = counts_and_gradient(layers.norse(TICKS))
    assert ours.sum() > 0
    assert torch.equal(ours, theirs)


def test_snntorch_computes_our_neuron_when_asked_to() -> None:
    pytest.importorskip("snntorch", reason="snntorch is not installed: ./setup.sh bench")
    ours, gradient = counts_and_gradient(layers.own_engine("torch", TICKS))
    theirs, their_gradient = counts_and_gradient(layers.snntorch(TICKS, same_equations=True))
    assert torch.equal(ours, theirs)
    torch.testing.assert_close(gradient, their_gradient, rtol=1e-3, atol=1e-4)
    by_default, _ = counts_and_gradient(layers.snntorch(TICKS, same_equations=False))
    assert by_default.sum() > 0


def test_spikingjelly_is_driven_to_spike() -> None:
    pytest.importorskip("spikingjelly", reason="spikingjelly is not installed: ./setup.sh bench")
    ours, _ = counts_and_gradient(layers.own_engine("torch", TICKS))
    theirs, gradient = counts_and_gradient(layers.spikingjelly(TICKS))
    assert 0.5 < theirs.sum() / ours.sum() < 2.0  # a neuron without a synapse, at about the same rate
    assert torch.isfinite(gradient).all()


def test_work_of_two_neurons_over_three_ticks() -> None:
    assert operations.work_per_sample(2, 3, "forward") == (2 * 3 * 7, 2 * 3 * 8, 2 * 6 * 4)
    assert operations.work_per_sample(2, 3, "forward+backward") == (2 * 3 * 26, 2 * 3 * 31, 2 * 11 * 4)


class Counted:
    """A number that counts what is done with it."""

    done = 0

    def __init__(self, value: float) -> None:
        self.value = value

    def _do(self, value: float) -> Counted:
        Counted.done += 1
        return Counted(value)

    def __add__(self, other: Counted) -> Counted:
        return self._do(self.value + other.value)

    def __sub__(self, other: Counted) -> Counted:
        return self._do(self.value - other.value)

    def __mul__(self, other: Counted) -> Counted:
        return self._do(self.value * other.value)

    def __truediv__(self, other: Counted) -> Counted:
        return self._do(self.value / other.value)

    def __abs__(self) -> Counted:
        return self._do(abs(self.value))

    def above(self, other: Counted) -> Counted:
        return self._do(float(self.value > other.value))

    def unless(self, spike: Counted) -> Counted:
        return self._do(0.0 if spike.value else self.value)


def test_the_counted_formulas_are_the_neuron_and_its_adjoint() -> None:
    """The table of benchmarks.operations, carried out on numbers that count, gives the engine's gradient."""
    parameters, surrogate = LIFParameters(), SurrogateSpec()
    a, b = parameters.membrane_step, parameters.current_decay
    step, keep, remains = Counted(a), Counted(1 - b), Counted(1 - a)
    level, one = Counted(parameters.v_th), Counted(1.0)
    slope, offset = Counted(surrogate.slope), Counted(surrogate.slope * parameters.v_th)
    x, g, zero = Counted(0.7), Counted(-1.3), Counted(0.0)

    def ticks(count: bool) -> tuple[Counted, list[Counted]]:
        v, i, n, before = zero, zero, zero, []
        for _ in range(TICKS):
            i = i + x
            before.append(v + step * (i - v))
            i = keep * i
            z = before[-1].above(level)
            v = before[-1].unless(z)
            n = n + z if count else n
        return n, before

    Counted.done = 0
    counts, _ = ticks(count=True)
    assert Counted.done == operations.work_per_sample(1, TICKS, "forward").operations
    _, before = ticks(count=False)
    of_v, of_i, of_x = zero, zero, zero
    for u in reversed(before):
        far = one + abs(slope * u - offset)
        s = (g - of_v * u) / (far * far)
        of_u = of_v.unless(u.above(level)) + s
        of_v = remains * of_u
        of_i = keep * of_i + step * of_u
        of_x = of_x + of_i
    assert Counted.done == operations.work_per_sample(1, TICKS, "forward+backward").operations
    drive = torch.tensor([[0.7]], requires_grad=True)
    truth = layers.own_engine("torch", TICKS).run(drive)
    (gradient,) = torch.autograd.grad(-1.3 * truth.sum(), drive)
    assert counts.value == truth.item() > 0
    assert of_x.value == pytest.approx(gradient.item(), rel=1e-4)


def test_the_ceiling_is_one() -> None:
    """No timing is judged: only that the figures hang together."""
    peak = measure_peak(threads=1, seconds=0.01, copy_bytes=2**20)
    assert peak.operations == max(peak.matrix_product, peak.multiply_adds or 0.0)
    assert peak.bandwidth > 0
    if peak.multiply_adds is not None:
        assert peak.plausible == (peak.multiply_adds > 0.9 * peak.matrix_product)
