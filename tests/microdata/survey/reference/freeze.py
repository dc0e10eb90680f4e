"""Ask R's survey package what the files of cases ask, and keep its answers.

``python -m tests.microdata.survey.reference.freeze`` from the project's folder, with R.
"""

import functools
import json
import subprocess
import tempfile
from pathlib import Path

import yaml

HERE = Path(__file__).parent
FILES = ("cases.yml", "cases_awkward.yml")


@functools.cache
def cases() -> list[dict]:
    """The cases; a check with rules is one check for each of them."""
    found = [case for file in FILES for case in yaml.safe_load((HERE / file).read_text(encoding="utf-8"))]
    for case in found:
        checks = []
        for check in case["checks"]:
            for number, rule in enumerate(check.get("rules", [None]), 1):
                one = {**check, "r": check["r"].replace("RULE", str(number))}
                if rule:
                    one["estimand"] = {**check["estimand"], "rule": rule}
                checks.append(one)
        case["checks"] = checks
    return found


def data_file(name: str) -> Path:
    return next((HERE / "data").glob(f"{name}.csv*"))


def ask_r() -> dict:
    """Run all cases in R; return its answers, and the versions that gave them."""
    lines = [
        "suppressMessages(library(survey))",
        "answer <- function(v) cat(sprintf('%.17g', as.numeric(v)), '\\n')",
    ]
    lines.append("cat(R.version$version.string, '|', as.character(packageVersion('survey')), '\\n')")
    for case in cases():
        lines.append("options(survey.lonely.psu = 'fail', survey.adjust.domain.lonely = FALSE)")
        lines.append(f"x <- read.csv('{data_file(case['data'])}', na.strings = '')")
        lines += [case["r"], case.get("then", "")]
        lines += [f"answer({{{check['r']}}})" for check in case["checks"]]
    with tempfile.NamedTemporaryFile("w", suffix=".R") as script:
        script.write("\n".join(lines))
        script.flush()
        run = subprocess.run(["Rscript", script.name], capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stdout[-500:] + run.stderr)
    version, *answers = run.stdout.splitlines()
    iterator = iter(answers)
    figures = {}
    for case in cases():
        for number, check in enumerate(case["checks"]):
            values = [None if value in ("NaN", "NA") else float(value) for value in next(iterator).split()]
            figures[f"{case['case']} {number}"] = {"r": check["r"], "values": values}
    return {"by": version.strip(), "figures": figures}


if __name__ == "__main__":
    (HERE / "figures.json").write_text(json.dumps(ask_r(), indent=1) + "\n", encoding="utf-8")
