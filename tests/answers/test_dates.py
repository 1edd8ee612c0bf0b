"""Dates in their orders."""

from routerlib.answers import dates


def test_dates_in_their_orders():
    assert dates.dates_in("from July 4th, 1776 to 5 March 1982") == [(1776, 7, 4), (1982, 3, 5)]
    assert dates.dates_in("1982-03-05, that is 21/03/1985") == [(1982, 3, 5), (1985, 3, 21)]


def test_what_is_no_date_or_more_than_one_is_none():
    assert dates.date_in("Marching 5, 1982") is None
    assert dates.date_in("04/03/1985") is None
    assert dates.date_in("5 March 1982 or 6 March 1982") is None
    assert dates.date_in("on the 5th of March 1982") == (1982, 3, 5)
