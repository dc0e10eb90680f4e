"""The answers of hdx-python-country, run by the interpreter of an environment that has it.

In, as JSON: ``places`` by level, and ``references`` (level, name, parent). Out: a place id or null for each
reference, and the CPU seconds that it took.
"""

import json
import logging
import sys
import time

logging.disable(logging.CRITICAL)

from hdx.location.adminlevel import AdminLevel  # noqa: E402


def main() -> None:
    given = json.load(sys.stdin)
    levels = {}
    for level, places in given["places"].items():
        for with_parent in (False, True):
            rows = [
                {"Admin Level": "1", "Location": "NPL", "P-Code": code, "Name": name}
                | ({"Parent P-Code": parent} if with_parent else {})
                for code, name, parent in places
            ]
            levels[level, with_parent] = AdminLevel()
            levels[level, with_parent].setup_from_iterable(rows)
    begin = time.process_time()
    answers = []
    for level, name, parent in given["references"]:
        if parent:
            code, _ = levels[level, True].get_pcode("NPL", name, parent=parent)
        else:
            code, _ = levels[level, False].get_pcode("NPL", name)
        answers.append(code)
    json.dump({"answers": answers, "seconds": time.process_time() - begin}, sys.stdout)


main()
