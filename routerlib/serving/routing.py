"""Which router is taken: the one in the folder that is named, else the newest, else a quick one
that is fitted on the shipped outcomes.

For whoever only wants to try one (notebook 06, `route`, the panel). Sending calls to the models is
`routed_clients`' and `proxy`'s business, fitting one that is worth keeping `training.fitting`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from routerlib import settings
from routerlib.progress import printable
from routerlib.rows import sources
from routerlib.rows.schemas import LabelledPrompt
from routerlib.training.router import Router, RouterError, newest


def load(folder: str | Path = "") -> Router:
    """The router in a folder; without one the newest below outputs/models; without any, `quick` on
    the samples.

    Raises:
        router.RouterError: the folder that was named holds no router.
        settings.MissingPackages: there is none, and nothing here that could fit one.
    """
    try:
        found = folder or newest()
    except RouterError as error:
        try:
            fitted = quick(sources.load_rows("sample", LabelledPrompt))
        except settings.MissingPackages as missing:
            raise settings.MissingPackages(f"{error} {missing}") from None
        print(
            f"{error} Until then: TF-IDF and ridge regression, fitted now on the shipped outcomes."
        )
        return fitted
    loaded = Router.from_pretrained(found)
    print(f"{printable(loaded.name)} ({loaded.kind}) from {found}")
    return loaded


@settings.needing_an_extra("Fitting a router")
def quick(rows: Iterable[LabelledPrompt]) -> Router:
    """A router in a second: TF-IDF and ridge regression, calibrated and certified on rows it was
    not fitted on.

    Where no threshold can be certified, it takes the one that sends half of the calls to the
    superior model.
    """
    from routerlib.stats import calibration as maps
    from routerlib.training import evaluation, examples
    from routerlib.training.scorers import TfidfRidge

    data = examples.from_rows(rows)
    split = examples.split(data.groups, {"train": 0.6, "calibration": 0.2, "certificate": 0.2})
    train, calibration, fresh = (data.take(split[name]) for name in split)
    scorer = TfidfRidge().fit(train)
    platt = maps.calibrate("platt", scorer.score(calibration.texts), calibration.p_superior)
    router = Router("TF-IDF + ridge, quick", scorer, platt)
    if not evaluation.certify(router, fresh).certified:
        half = [row for row in router.curve if row["share_superior"] <= 0.5]
        router.threshold = half[0]["threshold"]
    return router
