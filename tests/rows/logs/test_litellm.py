"""LiteLLM: both names of a model, and no price for what came from the cache."""

import log_rows


def test_the_name_asked_for_and_the_one_that_answered_both_count():
    logged = log_rows.conversation(log_rows.litellm(0, "Which is the longest river?")).logged
    assert logged.model == log_rows.MODEL and logged.also_named == [log_rows.SERVED]
    assert logged.is_of(log_rows.SERVED) and not logged.is_of("small-model")


def test_the_price_of_an_answer_from_the_cache_is_not_kept():
    assert (
        log_rows.conversation(log_rows.litellm(0, "Hi") | {"cache_hit": True}).logged.cost is None
    )
