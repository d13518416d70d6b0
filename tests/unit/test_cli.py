"""The command line: what is printed, what is written, and the exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest

from attribution.cli import main as cli
from attribution.registry import CHECKS, ESTIMATORS
from attribution.study.manifest import package_version

MICHIGAN = Path(__file__).resolve().parents[2] / "designs" / "michigan-grants.toml"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the empty current folder."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def attribution(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Return the command, run in an empty current folder."""

    def command(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["attribution", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        shown = capsys.readouterr()
        code = caught.value.code
        return Ran(code if isinstance(code, int) else -1, shown.out, shown.err)

    return command


def test_a_sound_study_is_done(
    attribution: Callable[..., Ran], make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame], folder: Path
) -> None:
    found = attribution("run", make_study(sales()))
    assert (found.code, found.err) == (0, "")
    assert "Sales training, as of 2026-05-31 (grade B: " in found.out
    assert "Sales academy worked, as far as a comparison can show" in found.out
    assert "What it is worth: ROI +15% (between −6.7% and +49%)" in found.out
    assert "report:  runs/sales-2026/2026-05-31/report.html" in found.out
    assert found.out.endswith("No gate failed (exit 0)\n")
    assert sorted(path.name for path in (folder / "runs" / "sales-2026" / "2026-05-31").iterdir()) == [
        "estimates.csv", "findings.csv", "report.html", "results.json",
    ]  # fmt: skip


def test_a_an_unknown_key(
    attribution: Callable[..., Ran], make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame], folder: Path
) -> None:
    found = attribution("run", make_study(sales(), {"timing.basline": ["2025-11"]}))
    assert (found.code, found.out) == (2, "")
    assert "[timing.basline] unknown key 'basline'" in found.err
    assert "What to do: did you mean 'baseline'?" in found.err
    assert list(folder.iterdir()) == []


def test_b_a_missing_column(
    attribution: Callable[..., Ran], make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame], folder: Path
) -> None:
    found = attribution("run", make_study(sales().rename(columns={"sales": "sale"})))
    assert (found.code, found.out) == (2, "")
    assert "missing column 'sales' (did you mean 'sale'?)" in found.err
    assert "What to do: mend [columns]" in found.err
    assert list(folder.iterdir()) == []


def test_c_no_controls(
    attribution: Callable[..., Ran], make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame], folder: Path
) -> None:
    found = attribution("run", make_study(sales(control=0)))
    assert (found.code, found.out) == (2, "")
    assert "no control unit has a KPI value in both windows" in found.err
    assert "What to do: " in found.err
    assert list(folder.iterdir()) == []


def test_d_one_trained_unit(
    attribution: Callable[..., Ran], make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame], folder: Path
) -> None:
    found = attribution("run", make_study(sales(trained=1)))
    assert (found.code, found.err) == (3, "")
    assert "A gate failed: clusters_per_arm, standard_error (exit 3)" in found.out
    assert "no interval: the standard error is undefined" in found.out
    run = folder / "runs" / "sales-2026" / "2026-05-31"
    assert (run / "report.html").is_file()
    numbers = json.loads((run / "results.json").read_text(encoding="utf-8"))
    effect = numbers["terms"]["primary"][0]
    assert effect["term"] == "effect"
    assert effect["estimate"] == pytest.approx(2.56, abs=0.01)
    # Undefined, and never 0.
    assert {effect[name] for name in ("std_error", "p_value", "conf_low", "conf_high")} == {None}
    assert numbers["factor"]["interval"]["kind"] == "undefined"
    assert numbers["factor"]["others"] == []
    net = numbers["roi"]["net_benefit"]
    assert net["estimate"] == pytest.approx(effect["estimate"] * 4 * 30 - 5000)
    assert (net["low"], net["high"]) == (None, None)
    assert numbers["roi"]["probability_net_positive"] is None


def test_e_an_observed_change_that_is_noise(
    attribution: Callable[..., Ran], make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame], folder: Path
) -> None:
    found = attribution("run", make_study(sales(trend=-2.0)))
    assert (found.code, found.err) == (0, "")
    assert "Share of the change: not estimable, the observed change is within noise." in found.out
    assert "WARN    share_estimable: share not estimable" in found.out
    numbers = json.loads((folder / "runs/sales-2026/2026-05-31/results.json").read_text(encoding="utf-8"))
    assert numbers["factor"]["interval"]["kind"] in ("unbounded", "disjoint")
    # Money goes on from the effect.
    effect = numbers["terms"]["primary"][0]
    benefit = numbers["roi"]["attributed_benefit"]
    for end, name in (("estimate", "estimate"), ("low", "conf_low"), ("high", "conf_high")):
        # 199 draws have their 2.5% at the 5th order statistic: within 1% of the interval.
        assert benefit[end] == pytest.approx(effect[name] * 24 * 4 * 30, rel=0.01)
    assert numbers["roi"]["break_even_factor"]["estimate"] is None


def test_the_michigan_study_is_done(attribution: Callable[..., Ran], folder: Path) -> None:
    found = attribution("run", MICHIGAN)
    assert (found.code, found.err) == (0, "")
    assert "We cannot tell whether Michigan job-training grants changed the scrap rate" in found.out
    assert (folder / "runs" / "michigan-grants" / "1988-12-31" / "report.html").is_file()


def test_the_run_folder_and_the_date_can_be_chosen(
    attribution: Callable[..., Ran], make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame], folder: Path
) -> None:
    design = make_study(sales())
    found = attribution("run", design, "--as-of", "2026-05-01", "--out", "mine", "--workers", "2")
    assert found.code == 0
    assert "report:  mine/report.html" in found.out
    assert "Next look: 2026-05" in (folder / "mine" / "report.html").read_text(encoding="utf-8")
    assert [path.name for path in folder.iterdir()] == ["mine"]
    # The folder now holds this date: another one is refused, and nothing changes.
    before = (folder / "mine" / "results.json").read_bytes()
    refused = attribution("run", design, "--out", "mine")
    assert (refused.code, refused.out) == (2, "")
    assert "holds a run of study 'sales-2026' as of 2026-05-01" in refused.err
    assert (folder / "mine" / "results.json").read_bytes() == before


def test_before_day_90_there_is_a_progress_report(
    attribution: Callable[..., Ran], make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]
) -> None:
    found = attribution("run", make_study(sales()), "--as-of", "2026-03-31")
    assert found.code == 0
    assert "Day 59 after launch: too early to say" in found.out
    assert "What training did: Too early" in found.out


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["{design}", "--as-of", "31.05.2026"], "31.05.2026"),
        (["{design}", "--as-of", "2026-02-30"], "2026-02-30"),
        (["absent.toml"], "there is no such file"),
        (["."], "the file cannot be read"),
        ([], "Missing argument"),
        (["{design}", "--nonsense"], "No such option"),
    ],
)
def test_unusable_arguments_are_exit_2_and_write_nothing(
    command: str,
    arguments: list[str],
    says: str,
    attribution: Callable[..., Ran],
    make_study: Callable[..., Path],
    sales: Callable[..., pd.DataFrame],
    folder: Path,
) -> None:
    design = make_study(sales())
    found = attribution(command, *(one.format(design=design) for one in arguments))
    assert (found.code, found.out) == (2, "")
    assert says in found.err
    assert "Traceback" not in found.err
    assert list(folder.iterdir()) == []


def test_before_the_follow_up_run_is_unusable_and_check_judges_what_is_known(
    attribution: Callable[..., Ran], make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame], folder: Path
) -> None:
    frame = sales()
    whole, started = make_study(frame), ["--as-of", "2026-01-31"]
    refused = attribution("run", whole, *started)
    assert (refused.code, refused.out) == (2, "")
    assert "no follow-up period is over on 2026-01-31" in refused.err
    assert "What to do: run the study later" in refused.err
    early = make_study(frame[frame["month"] <= "2026-01"], name="early.toml")
    for arguments in ([early], [early, *started]):
        found = attribution("check", *arguments)
        assert (found.code, found.err) == (0, "")
        assert "PASS    pre_periods: " in found.out
        assert "PASS    launch: nobody starts between the baseline and the launch" in found.out
        assert "SKIPPED clusters_per_arm: the follow-up is not over" in found.out
    assert list(folder.iterdir()) == []


def test_workers_are_at_least_one(
    attribution: Callable[..., Ran], make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]
) -> None:
    assert attribution("run", make_study(sales()), "--workers", "0").code == 2


def test_check_prints_every_rule_and_writes_nothing(
    attribution: Callable[..., Ran], make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame], folder: Path
) -> None:
    found = attribution("check", make_study(sales(trained=7)))
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith(f"Sales training: {len(CHECKS)} rules\n")
    for name in CHECKS:
        assert f" {name}: " in found.out
    assert "WARN    clusters_per_arm: fewer than 10 clusters in an arm" in found.out
    assert "observed 7 trained, 36 control; threshold at least 10 clusters in each arm; below 5 fail [" in found.out
    assert "remedy: add clusters to the smaller arm" in found.out
    assert list(folder.iterdir()) == []


def test_check_of_a_failing_gate_is_exit_3(
    attribution: Callable[..., Ran], make_study: Callable[..., Path], sales: Callable[..., pd.DataFrame]
) -> None:
    without = [{"category": "license", "amount": 2000, "source": "invoice"}]
    found = attribution("check", make_study(sales(), {"cost": without}))
    assert found.code == 3
    assert "FAIL    learner_time: the hours that people spent learning are not among the costs" in found.out
    assert found.out.endswith("A gate failed: learner_time (exit 3)\n")


def test_check_before_there_are_data(attribution: Callable[..., Ran], make_study: Callable[..., Path]) -> None:
    found = attribution("check", make_study(None))
    assert found.code == 0
    assert "SKIPPED clusters_per_arm: no data to count clusters in" in found.out


@pytest.mark.parametrize("which", ["design", "results"])
def test_schemas_are_json_schemas(which: str, attribution: Callable[..., Ran]) -> None:
    found = attribution("schema", which)
    assert found.code == 0
    schema = json.loads(found.out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    if which == "design":
        assert attribution("schema").out == found.out


def test_methods_are_listed_with_their_options(attribution: Callable[..., Ran]) -> None:
    found = attribution("methods")
    assert found.code == 0
    for name in ESTIMATORS:
        assert f"{name}: " in found.out
    assert "    controls (default 'not_yet')" in found.out
    # The windows of cohorts too come from the design, though a notebook may leave them out.
    for title in ("Analyses:", "Cohorts:"):
        assert "    baseline (from [timing] or [inference])" in found.out.partition(title)[2]


def test_without_a_command_the_help_is_shown(attribution: Callable[..., Ran]) -> None:
    found = attribution("--help")
    assert found.code == 0
    for command in ("run", "check", "schema", "methods"):
        assert command in found.out


def test_the_version_is_printed(attribution: Callable[..., Ran]) -> None:
    assert attribution("--version") == Ran(0, f"attribution {package_version()}\n", "")


def test_a_defect_of_ours_keeps_its_traceback(
    attribution: Callable[..., Ran], make_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("attribution.study.run.run", broken)
    monkeypatch.setattr(sys, "argv", ["attribution", "run", str(make_study(None))])
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_as_a_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from attribution.cli.main import main; main()", "check", str(MICHIGAN)]
    root = str(MICHIGAN.parents[1])
    environment = os.environ | {"PYTHONPATH": root, "PYTHONIOENCODING": "utf-8"}
    found = subprocess.run(
        command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True, encoding="utf-8"
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert "PASS    clusters_per_arm" in found.stdout
    absent = subprocess.run(
        [*command[:-1], "absent.toml"], cwd=tmp_path, env=environment, check=False, capture_output=True, text=True,
        encoding="utf-8",
    )  # fmt: skip
    assert (absent.returncode, absent.stdout) == (2, "")
    assert absent.stderr.startswith("error: absent.toml: ")
    assert list(tmp_path.iterdir()) == []


def _process(folder: Path, *arguments: object, **environment: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from attribution.cli.main import main; main()", *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(MICHIGAN.parents[1])} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_that_lacks_a_character_is_no_defect(
    encoding: str, tmp_path: Path, make_study: Callable[..., Path]
) -> None:
    """The title holds a minus and letters of another script, which latin-1 cannot show."""
    design = make_study(None, {"study.title": "Vertrieb \u2212 \u55b6\u696d"})
    process = _process(tmp_path, "check", design, PYTHONIOENCODING=encoding)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert out.startswith(b"Vertrieb ")
    absent = _process(tmp_path, "check", "\u2212.toml", PYTHONIOENCODING=encoding)
    _, err = absent.communicate()
    assert absent.returncode == 2
    assert err.startswith(b"error: ")
    assert b"Traceback" not in err


def test_a_closed_pipe_ends_quietly_with_the_code_of_what_was_done(
    tmp_path: Path, make_study: Callable[..., Path]
) -> None:
    without = [{"category": "license", "amount": 2000, "source": "invoice"}]
    for changes, code in (({}, 0), ({"cost": without}, 3)):
        process = _process(tmp_path, "check", make_study(None, changes))
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # nobody reads on, before the first line
        assert process.stderr.read() == b""
        process.stderr.close()
        assert process.wait() == code
