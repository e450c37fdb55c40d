"""Range estimators: merging, constant memory, and optima found by brute force or known in closed form."""

from __future__ import annotations

import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import optimize, special

from qat_kit.errors import NumericsError, UnknownNameError
from qat_kit.numerics import (
    MinMaxObserver,
    MovingAverageObserver,
    Portfolio,
    RangeEstimator,
    TensorSpec,
    choose_qparams,
    fake_quantize,
    get_range_estimator,
    least_squares_range,
)
from qat_kit.numerics.ranges import RANGE_ESTIMATORS, Histogram, aciq_gaussian_clip, aciq_laplace_clip

EXACT = [name for name in RANGE_ESTIMATORS if name != "moving_average"]
batches = st.lists(
    hnp.arrays(np.float32, st.integers(1, 30), elements=st.floats(-(2.0**60), 2.0**60, width=32)),
    min_size=2,
    max_size=5,
)


def seen(estimator, parts):
    for part in parts:
        estimator.update(part)
    return estimator


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=25)
@given(parts=batches, cut=st.integers(0, 5), seed=st.randoms())
def test_merged_observers_equal_one_observer(name, parts, cut, seed):
    whole = seen(get_range_estimator(name), parts)
    shuffled = [np.array(part) for part in parts]
    seed.shuffle(shuffled)
    first, second = (seen(get_range_estimator(name), some) for some in (shuffled[:cut], shuffled[cut:]))
    first.merge(second)
    assert first.range() == whole.range()
    as_one_batch = seen(get_range_estimator(name), [np.concatenate(parts)])
    assert as_one_batch.range() == whole.range()
    low, high = whole.range()
    assert low.dtype == high.dtype == np.float32
    assert min(part.min() for part in parts) <= low <= high <= max(part.max() for part in parts)


@given(batches, st.integers(0, 5))
def test_a_merged_moving_average_equals_one_that_saw_the_batches_in_turn(parts, cut):
    whole = seen(MovingAverageObserver(momentum=0.9), parts)
    first, second = (seen(MovingAverageObserver(momentum=0.9), some) for some in (parts[:cut], parts[cut:]))
    first.merge(second)
    largest = max(float(np.abs(part).max()) for part in parts)
    np.testing.assert_allclose(first.range(), whole.range(), rtol=1e-6, atol=largest * 1e-12)


@given(batches, st.randoms())
def test_a_histogram_depends_on_the_values_alone(parts, seed):
    whole = Histogram()
    whole.update(np.concatenate(parts))
    merged = Histogram()
    seed.shuffle(parts)
    for part in parts:
        single = Histogram()
        single.update(part)
        merged.merge(single)
    assert merged == whole
    values = np.concatenate(parts).astype(np.float64)
    assert whole.num_values == values.size
    nonzero = values[values != 0]
    if nonzero.size:
        # The finest grid that holds them, each value in its own bin, counted by another way.
        assert np.abs(nonzero).max() / whole.width <= 8192
        assert np.abs(nonzero).max() / whole.width >= 4096
        edges = np.arange(-8192, 8193) * whole.width
        np.testing.assert_array_equal(whole.counts, np.histogram(nonzero, edges)[0])


def test_a_histogram_takes_the_smallest_and_the_largest_floats():
    histogram = Histogram()
    for value in (1e-45, -1e-45, 3.4e38, -3.4e38, 0.0):
        histogram.update(np.float32([value]))
    assert histogram.num_values == 5
    assert histogram.counts.sum() == 4
    assert histogram != "a histogram"
    twin = histogram.copy()
    twin.update([1.0])
    assert histogram.num_values == 5


def test_memory_is_constant():
    estimators = {name: get_range_estimator(name) for name in RANGE_ESTIMATORS}
    random = np.random.default_rng(0)
    for exponent in range(-20, 20):
        batch = random.normal(size=1000) * 2.0**exponent
        for estimator in estimators.values():
            estimator.update(batch)
    for estimator in estimators.values():
        arrays = [value for value in vars(estimator).values() if isinstance(value, np.ndarray)]
        if hasattr(estimator, "histogram"):
            arrays.append(estimator.histogram.counts)
        assert sum(array.nbytes for array in arrays) <= 128 << 10


@pytest.mark.parametrize("name", list(RANGE_ESTIMATORS))
def test_every_estimator_is_one(name):
    estimator = get_range_estimator(name)
    assert isinstance(estimator, RangeEstimator)
    with pytest.raises(NumericsError, match="seen no data"):
        estimator.range()
    estimator.update(np.zeros((2, 3)))
    assert [float(end) for end in estimator.range()] == [0.0, 0.0]
    estimator.update([2.5])
    assert estimator.range()[1] > 0
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(NumericsError, match=r"finite, received|received -?inf|received nan"):
            estimator.update([1.0, bad])
    with pytest.raises(NumericsError, match=r"shape \[0, 3\]"):
        estimator.update(np.zeros((0, 3)))


def test_min_max_per_axis():
    observer = MinMaxObserver(axis=-1)
    observer.update([[1.0, -2.0], [3.0, 4.0]])
    observer.update([[[0.0, 9.0]]])
    low, high = observer.range()
    assert (low.tolist(), high.tolist()) == ([0.0, -2.0], [3.0, 9.0])
    with pytest.raises(NumericsError, match=r"\(3,\)"):
        observer.update([[1.0, 2.0, 3.0]])
    with pytest.raises(NumericsError, match="axis"):
        observer.merge(MinMaxObserver(axis=0))
    average = MovingAverageObserver(axis=0)
    average.update([[1.0], [2.0]])
    with pytest.raises(NumericsError, match=r"\(1,\)"):
        average.update([[1.0]])


@pytest.mark.parametrize("name", list(RANGE_ESTIMATORS))
def test_a_worker_can_hand_its_estimator_to_another_process(name):
    estimator = get_range_estimator(name)
    estimator.update(np.random.default_rng(0).normal(size=1000))
    arrived = pickle.loads(pickle.dumps(estimator))
    whole = get_range_estimator(name)
    whole.merge(arrived)
    assert whole.range() == estimator.range()


def test_merged_min_max_per_axis_equals_one():
    x = np.random.default_rng(0).normal(size=(10, 4))
    whole, first, second = (MinMaxObserver(axis=1) for _ in range(3))
    whole.update(x)
    first.update(x[:3])
    second.update(x[3:])
    first.merge(second)
    np.testing.assert_array_equal(first.range(), whole.range())


def test_percentile_matches_numpy_within_a_bin():
    x = np.random.default_rng(0).normal(size=200_000)
    estimator = seen(get_range_estimator("percentile", percentile=99.0), np.split(x, 10))
    np.testing.assert_allclose(estimator.range(), np.percentile(x, [1, 99]), atol=estimator.histogram.width)


def test_sigma_matches_numpy():
    x = np.random.default_rng(0).normal(2.0, 0.5, 200_000)
    low, high = seen(get_range_estimator("sigma", num_deviations=2.0), [x]).range()
    np.testing.assert_allclose([low, high], [x.mean() - 2 * x.std(), x.mean() + 2 * x.std()], rtol=1e-3)


@pytest.mark.parametrize("num_bits", [2, 3, 4, 8])
def test_aciq_is_at_the_minimum_of_the_papers_error(num_bits):
    def laplace(alpha):
        return 2 * math.exp(-alpha) + alpha**2 / (3 * 4**num_bits)

    def gaussian(alpha):
        tail = (alpha**2 + 1) * math.erfc(alpha / math.sqrt(2))
        return tail - alpha * math.sqrt(2 / math.pi) * math.exp(-(alpha**2) / 2) + alpha**2 / (3 * 4**num_bits)

    for clip, error in ((aciq_laplace_clip, laplace), (aciq_gaussian_clip, gaussian)):
        best = optimize.minimize_scalar(error, bounds=(0.1, 20), method="bounded", options={"xatol": 1e-9}).x
        assert clip(3.0, num_bits) == pytest.approx(3 * best, rel=1e-4)
    assert aciq_laplace_clip(1.0, num_bits) == pytest.approx(special.lambertw(3 * 4**num_bits).real, rel=1e-12)


def test_aciq_of_data_after_a_relu_has_one_bit_more():
    x = np.random.default_rng(0).normal(size=400_000)
    _, high = seen(get_range_estimator("aciq_gaussian", spec=TensorSpec(num_bits=4)), [np.maximum(x, 0)]).range()
    assert high == pytest.approx(aciq_gaussian_clip(1.0, 5), rel=0.01)


def _error(x, low, high, spec):
    return float(np.sum((x - fake_quantize(x, choose_qparams(low, high, spec)).astype(np.float64)) ** 2))


@pytest.mark.parametrize("num_bits", [2, 3, 4, 6])
@pytest.mark.parametrize("draw", ["normal", "laplace", "uniform"])
def test_least_squares_of_rows_is_as_good_as_a_fine_brute_force(num_bits, draw):
    random = np.random.default_rng(num_bits)
    x = getattr(random, draw)(size=(4, 3000))
    spec = TensorSpec(num_bits=num_bits, symmetric=True, narrow_range=True)
    low, high = least_squares_range(x, spec, axis=0)
    np.testing.assert_array_equal(low, -high)
    for row, end in zip(x, high, strict=True):
        best = min(_error(row, -limit, limit, spec) for limit in np.abs(row).max() * np.arange(20, 401) / 400)
        assert _error(row, -end, end, spec) <= best * 1.002


@pytest.mark.parametrize("num_bits", [2, 4, 8, 12])
def test_least_squares_is_never_worse_than_min_max(num_bits):
    spec = TensorSpec(num_bits=num_bits, symmetric=True, narrow_range=True)
    random = np.random.default_rng(0)
    x = random.standard_t(3, size=(3, 40, 40)) * random.uniform(1e-3, 1e3, (1, 40, 1))
    low, high = least_squares_range(x, spec, axis=1)
    for channel, (bottom, top) in enumerate(zip(low, high, strict=True)):
        row = x[:, channel]
        largest = np.abs(row).max()
        assert _error(row, bottom, top, spec) <= _error(row, -largest, largest, spec) * (1 + 1e-4)


def test_least_squares_axis_and_degenerate_channels():
    spec = TensorSpec(num_bits=4, symmetric=True, narrow_range=True)
    x = np.random.default_rng(0).normal(size=(3, 5, 7)).astype(np.float32)
    x[:, 2] = 0
    x[:, 3] = 1e-38
    for axis in (1, -2):
        high = least_squares_range(x, spec, axis=axis)[1]
        assert high.shape == (5,)
        for channel in range(5):
            assert high[channel] == least_squares_range(x[:, channel], spec)[1]
    assert high[2] == 0
    assert 0 < high[3] < 2e-38
    with pytest.raises(NumericsError, match="symmetric"):
        least_squares_range(x, TensorSpec())
    with pytest.raises(NumericsError, match="received nan"):
        least_squares_range([1.0, np.nan], spec)


@pytest.mark.parametrize("symmetric", [True, False])
def test_least_squares_of_a_stream_is_as_good_as_brute_force(symmetric):
    spec = TensorSpec(num_bits=4, symmetric=symmetric)
    random = np.random.default_rng(0)
    x = np.concatenate([random.normal(1.0, 1.0, 30_000), random.normal(0, 8, 60)]).astype(np.float32)
    low, high = seen(get_range_estimator("least_squares", spec=spec), np.split(x, 3)).range()
    found = _error(x, low, high, spec)
    if symmetric:
        grid = [(-end, end) for end in np.abs(x).max() * np.arange(1, 200) / 200]
    else:
        grid = itertools.product(x.min() * np.arange(1, 30) / 30, x.max() * np.arange(1, 30) / 30)
    assert found <= min(_error(x, *ends, spec) for ends in grid) * 1.01
    assert found < _error(x, x.min(), x.max(), spec) / 2


def test_entropy_cuts_an_outlier_and_keeps_what_is_uniform():
    random = np.random.default_rng(0)
    cut = seen(get_range_estimator("entropy"), [np.append(random.normal(size=100_000), 1000.0)]).range()[1]
    assert 3 < cut < 100
    kept = seen(get_range_estimator("entropy"), [random.uniform(-1, 1, 500_000)]).range()[1]
    assert kept > 0.99


def test_the_portfolio_takes_the_best_on_held_out_data_for_each_tensor():
    random = np.random.default_rng(0)
    spec = TensorSpec(num_bits=4)
    uniform, spiked = random.uniform(-1, 1, 20_000), np.append(random.normal(size=20_000), [400.0])
    chosen = {}
    for name, data in (("uniform", uniform), ("spiked", spiked)):
        halves = Portfolio(spec=spec), Portfolio(spec=spec)
        halves[0].update(data[:10_000])
        halves[1].update(data[10_000:])
        halves[0].merge(halves[1])
        choice = halves[0].choose(random.uniform(-1, 1, 5000) if name == "uniform" else random.normal(size=5000))
        assert choice.mean_squared_errors[choice.name] == min(choice.mean_squared_errors.values())
        chosen[name] = choice
    assert chosen["spiked"].mean_squared_errors["min_max"] > 50 * min(chosen["spiked"].mean_squared_errors.values())
    assert chosen["uniform"].name != "aciq_gaussian"
    assert chosen["uniform"].name != chosen["spiked"].name
    with pytest.raises(NumericsError, match="same names"):
        Portfolio(names=["min_max"]).merge(Portfolio(names=["sigma"]))
    with pytest.raises(NumericsError, match="none"):
        Portfolio(names=[])
    with pytest.raises(NumericsError, match="per_axis"):
        Portfolio(spec=TensorSpec(granularity="per_axis"))


def test_names_and_options():
    with pytest.raises(UnknownNameError, match="'entropy'"):
        get_range_estimator("entropie")
    with pytest.raises(UnknownNameError, match="'percentile'"):
        get_range_estimator("percentile", percentil=99)
    for name, options in (
        ("percentile", {"percentile": 50}),
        ("moving_average", {"momentum": 1.0}),
        ("sigma", {"num_deviations": 0}),
        ("entropy", {"num_bins": 1000}),
        ("moving_average", {"momentum": -0.1}),
    ):
        with pytest.raises(NumericsError, match=str(next(iter(options.values())))):
            get_range_estimator(name, **options)
    with pytest.raises(NumericsError, match="one kind"):
        get_range_estimator("percentile").merge(get_range_estimator("percentile", percentile=99.0))
    with pytest.raises(NumericsError, match="one kind"):
        get_range_estimator("percentile").merge(get_range_estimator("sigma"))


def test_a_portfolio_leaves_an_outlier_out_where_codes_are_few():
    estimator = get_range_estimator("portfolio", spec=TensorSpec(num_bits=4))
    estimator.update(np.append(np.random.default_rng(0).normal(size=100_000), 1000.0))
    low, high = estimator.range()
    assert -20 < low < -1 < 1 < high < 20


def test_a_portfolio_of_a_handful_of_values_is_their_extremes():
    estimator = get_range_estimator("portfolio")
    estimator.update([1.0, -3.0])
    assert [float(end) for end in estimator.range()] == [-3.0, 1.0]
