import pytest

from swictation.doctor.finding import Finding, summary, worst

pytestmark = pytest.mark.unit


def findings(*levels):
    return [Finding(f"check {number}", level, "x") for number, level in enumerate(levels)]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([], "ok"),
        (["ok", "ok"], "ok"),
        (["ok", "warning", "ok"], "warning"),
        (["error", "warning", "ok"], "error"),
        (["warning", "error"], "error"),
    ],
)
def test_the_weightiest_level_counts(levels, expected):
    assert worst(findings(*levels)) == expected


def test_the_summary_counts_what_is_wrong():
    assert summary(findings("ok", "ok")) == "All 2 checks are fine."
    told = "; the lines with -> say what to do."
    assert summary(findings("ok", "warning")) == f"1 warning in 2 checks{told}"
    assert summary(findings("error", "error")) == f"2 errors in 2 checks{told}"
    every = findings("error", "warning", "ok", "warning")
    assert summary(every) == f"1 error and 2 warnings in 4 checks{told}"
