"""Money against quality: worked by hand, against a slow count of every threshold, and against APGR
where both agree.
"""

import numpy as np
import pytest

from routerlib.stats import costs, metrics
from routerlib.stats.costs import Course, cascade_course, checked_costs, cost_area, router_course


def random_rows(n=200, seed=0, whole=True):
    rng = np.random.default_rng(seed)
    inferior = (rng.random(n) < 0.5).astype(float) if whole else rng.random(n) * 0.6
    superior = np.maximum(inferior, rng.random(n) < 0.7) if whole else 0.4 + rng.random(n) * 0.6
    score = superior - inferior + rng.normal(size=n)
    return score, inferior, superior.astype(float)


def equal_prices(n, ratio=0.1, reading=0.0):
    return checked_costs(np.full(n, ratio), np.ones(n), np.full(n, reading))


def both_course(n=200, seed=1):
    """A course of all three steps, as a policy of two decisions has it: read before up."""
    rng = np.random.default_rng(seed)
    up = rng.normal(size=n)
    return Course(read=up + rng.random(n), escalate=rng.normal(size=n), up=up)


def slow_points(course, inferior, superior, bill):
    """(money, quality) above always-inferior at every threshold, one row at a time."""
    levels = np.concatenate([course.read, course.escalate, course.up])
    points = [(0.0, 0.0)]
    for threshold in np.unique(levels[levels > -np.inf])[::-1]:
        money = quality = 0.0
        for i in range(len(inferior)):
            if course.up[i] >= threshold:
                money += bill.superior[i] - bill.inferior[i]
                quality += superior[i] - inferior[i]
            elif course.read[i] >= threshold:
                money += bill.signals[i]
                if course.escalate[i] >= threshold:
                    money += bill.superior[i]
                    quality += superior[i] - inferior[i]
        points.append((money, quality))
    return np.array(points).T


def slow_area(course, inferior, superior, bill):
    """The area by walking every segment in small steps, each counted only while it is inside the
    bill.
    """
    money, quality = slow_points(course, inferior, superior, bill)
    end = (bill.superior - bill.inferior).sum()
    area = 0.0
    for k in range(len(money) - 1):
        parts = np.linspace(0, 1, 2001)
        x = money[k] + parts * (money[k + 1] - money[k])
        y = quality[k] + parts * (quality[k + 1] - quality[k])
        middle_x, middle_y = (x[1:] + x[:-1]) / 2, (y[1:] + y[:-1]) / 2
        area += (np.diff(x) * middle_y * (middle_x <= end)).sum()
    return area / end / (superior - inferior).sum()


def test_two_rows_by_hand():
    # Only the first row gains. The router sends it up first: all the gap for half of the bill, so
    # 1/4 + 1/2.
    inferior, superior = np.array([0.0, 1.0]), np.array([1.0, 1.0])
    bill = equal_prices(2, ratio=0.2)
    assert cost_area(router_course([2.0, 1.0]), inferior, superior, bill) == pytest.approx(0.75)
    # The cascade pays 1 for the escalation where the whole bill spans 2 x 0.8: 1/2 x 0.625, then
    # 0.375 at full height.
    expected = 0.625 / 2 + 0.375
    assert cost_area(cascade_course([2.0, 1.0]), inferior, superior, bill) == pytest.approx(
        expected
    )


def test_the_curve_of_a_cascade_ends_beyond_the_bill_of_the_superior_model():
    _, inferior, superior = random_rows()
    money, pgr = costs.cost_curve(
        cascade_course(superior - inferior), inferior, superior, equal_prices(200, 0.25)
    )
    assert money[0] == 0 and money[-1] == pytest.approx(1 / 0.75)
    assert pgr[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("whole", [True, False])
def test_a_routers_cost_area_is_its_apgr_where_every_call_costs_the_same(whole):
    score, inferior, superior = random_rows(whole=whole)
    score = np.round(score, 1)  # ties
    area = cost_area(router_course(score), inferior, superior, equal_prices(200, 0.3))
    assert area == pytest.approx(metrics.apgr(score, inferior, superior))


def test_a_cascade_sees_a_part_of_its_apgr_curve_as_its_docstring_says():
    score, inferior, superior = random_rows()
    ratio = 0.2
    shares, curve = metrics.pgr_curve(score, inferior, superior)
    within = np.linspace(0, 1 - ratio, 100_001)
    heights = np.interp(within, shares, curve)
    expected = ((heights[1:] + heights[:-1]) / 2).mean()
    found = cost_area(cascade_course(score), inferior, superior, equal_prices(200, ratio))
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("ratio", [0.02, 0.4])
@pytest.mark.parametrize("reading", [0.0, 0.1])
@pytest.mark.parametrize("kind", ["router", "cascade", "both"])
def test_against_a_slow_walk_along_every_threshold(kind, ratio, reading):
    score, inferior, superior = random_rows(60, seed=3)
    rng = np.random.default_rng(5)
    bill = checked_costs(
        ratio * (0.5 + rng.random(60)), 0.5 + rng.random(60), reading * rng.random(60)
    )
    course = {
        "router": router_course(score),
        "cascade": cascade_course(np.round(score, 1)),
        "both": both_course(60),
    }[kind]
    expected = slow_area(course, inferior, superior, bill)
    assert cost_area(course, inferior, superior, bill) == pytest.approx(expected, abs=2e-3)
    money, pgr = costs.cost_curve(course, inferior, superior, bill)
    slow_money, slow_gain = slow_points(course, inferior, superior, bill)
    assert money[-1] * 60 * bill.span == pytest.approx(slow_money[-1])
    assert pgr[-1] * (superior - inferior).sum() == pytest.approx(slow_gain[-1])


def test_a_course_that_stops_short_of_the_bill_gains_nothing_beyond():
    """One of two rows is never sent up: half of the gap for half of the money, and no more."""
    course = router_course([1.0, -np.inf])
    area = cost_area(course, np.zeros(2), np.ones(2), equal_prices(2))
    assert area == pytest.approx((0.5 * 1 + 1 * 1) / 4)


def test_resamples_equal_areas_of_the_rows_drawn():
    _, inferior, superior = random_rows()
    course, bill = both_course(), equal_prices(200, 0.1, 0.05)
    drawn = np.random.default_rng(2).integers(200, size=(4, 200))
    counts = np.stack([np.bincount(rows, minlength=200) for rows in drawn])
    at_once = cost_area(course, inferior, superior, bill, counts=counts)
    for rows, area in zip(drawn, at_once, strict=True):
        one = cost_area(course.take(rows), inferior[rows], superior[rows], bill.take(rows))
        assert area == pytest.approx(one)


def test_a_resample_without_gap_or_rows_has_no_area():
    inferior, superior = np.array([0.0, 1.0]), np.array([1.0, 0.0])
    counts = np.array([[0, 2], [0, 0], [2, 0]])
    areas = cost_area(router_course([1.0, 2.0]), inferior, superior, equal_prices(2), counts=counts)
    assert np.isnan(areas[:2]).all() and areas[2] == pytest.approx(0.5)


def test_the_position_of_a_course_says_who_answers_at_every_threshold():
    course = both_course()
    for threshold in np.quantile(course.up, [0.1, 0.5, 0.9]):
        reached = course.states(threshold) >= 2
        assert ((course.position >= threshold) == reached).all()
    assert np.isfinite(cascade_course(np.zeros(3)).position).all()


def test_expenses_count_both_calls_of_an_escalated_prompt():
    course = Course(
        read=np.array([9.0, 9.0, 9.0, -np.inf]),
        escalate=np.array([1.0, 3.0, 0.0, 0.0]),
        up=np.array([0.0, 0.0, 5.0, 0.0]),
    )
    bill = checked_costs(np.full(4, 1.0), np.full(4, 10.0), np.full(4, 0.5))
    told = costs.expenses(course, np.zeros(4), np.ones(4), bill, threshold=2.0)
    assert told["share_up"] == 0.25 and told["share_read"] == 0.5
    assert told["share_escalated"] == 0.25 and told["share_superior"] == 0.5
    # read and kept 1.5, escalated 11.5, straight up 10, unread 1
    assert told["cost_per_1000"] == pytest.approx(1000 * (1.5 + 11.5 + 10 + 1) / 4)
    assert told["saved"] == pytest.approx(1 - 6 / 10)
    assert told["accuracy"] == 0.5


def test_dollars_run_from_always_inferior_to_the_end_of_the_course():
    score, inferior, superior = random_rows()
    _, dollars, accuracy = costs.dollar_curve(
        router_course(score), inferior, superior, equal_prices(200, 0.1)
    )
    assert (dollars[0], dollars[-1]) == (pytest.approx(100), pytest.approx(1000))
    assert (accuracy[0], accuracy[-1]) == (
        pytest.approx(inferior.mean()),
        pytest.approx(superior.mean()),
    )


def test_no_course_that_reads_nothing_lies_above_the_oracle():
    score, inferior, superior = random_rows(seed=8)
    bill = equal_prices(200, 0.1)
    best = cost_area(costs.oracle_course(inferior, superior, bill), inferior, superior, bill)
    assert best > cost_area(router_course(score), inferior, superior, bill)


def test_prices_at_a_ratio_keep_what_reading_costs_beside_the_first_call():
    measured = checked_costs([0.001, 0.003], [0.01, 0.03], [0.002, 0.006])
    priced = measured.at_ratio(0.2)
    assert priced.inferior.tolist() == [0.2, 0.2] and priced.superior.tolist() == [1, 1]
    assert priced.signals == pytest.approx([0.4, 0.4])
    assert measured.price_ratio == pytest.approx(0.1)
    with pytest.raises(metrics.MetricError, match="price ratio 1"):
        measured.at_ratio(1.0)


def test_prices_that_leave_nothing_to_save_are_told():
    score, inferior, superior = random_rows()
    with pytest.raises(costs.NoSaving, match="no money to save"):
        cost_area(router_course(score), inferior, superior, equal_prices(200, 1.0))
    with pytest.raises(metrics.NoGap):
        cost_area(router_course(score), superior, inferior, equal_prices(200))
    with pytest.raises(metrics.MetricError, match="row 1 is -1"):
        checked_costs([1.0, -1.0], [2.0, 2.0])
    with pytest.raises(metrics.MetricError, match="2 numbers for 3 rows"):
        checked_costs([1.0, 1.0], [2.0, 2.0, 2.0])


def test_the_oracle_spends_first_where_the_gain_costs_least():
    bill = checked_costs([0.0, 0.9], [1.0, 1.2], [0.0, 0.0])  # 1.0 and 0.3 more for the same gain
    course = costs.oracle_course([0, 0], [1, 1], bill)
    assert course.up[1] > course.up[0]
