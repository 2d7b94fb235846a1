"""Judges one run of Autobahn|Testsuite by the reports that it wrote: judge.py NAME FOLDER GROUP=COUNT…

How the suite is run is scripts/lib/check_autobahn's business. Its own exit status says nothing: without a server it writes
that everything has failed, and exits with 0. Exit 1 here when a case is bad, missing, or not one of those expected.
"""

import collections
import json
import pathlib
import sys

# RFC 6455 leaves open what becomes of data behind a close frame (7.1.6) and of close codes beyond 4999 (7.13), so the
# suite only tells what it saw there. Of any other case it would mean that the case was not tried.
OPEN_IN_THE_RFC = {"7.1.6", "7.13.1", "7.13.2"}


def faults(case, index, report):
    """Why a case is bad: nothing when it passed strictly and its connection was closed cleanly by both sides."""
    passed = "INFORMATIONAL" if case in OPEN_IN_THE_RFC else "OK"
    if index["behavior"] != passed:
        yield f"{index['behavior']}: {report.get('result')}"
    if index["behaviorClose"] != passed:
        yield f"close {index['behaviorClose']}: {report.get('resultClose')}"
    # The suite lets some closes be unclean. Holdline answers every close frame, and ends TCP first.
    if report.get("wasClean") is not True:
        yield f"not clean: {report.get('wasNotCleanReason')}"
    if report.get("droppedByMe") is not False:
        yield "the server left it to the peer to end TCP"


def judge(folder, expected):
    """The number of cases, and one line for each thing that is wrong; `expected` has the number of cases of each group."""
    try:
        agents = json.loads((folder / "index.json").read_text())
    except (OSError, ValueError) as error:
        return 0, [f"no result: {error}"]
    cases = [case for agent in agents.values() for case in agent.items()]
    bad = []
    for case, index in cases:
        try:
            report = json.loads((folder / index["reportfile"]).read_text())
        except (OSError, ValueError) as error:
            bad.append(f"{case}  no report: {error}")
            continue
        found = "; ".join(faults(case, index, report))
        if found:
            bad.append(f"{case}  {' '.join(report.get('description', '').split())[:120]}\n    {found}")
    seen = collections.Counter(case.split(".")[0] for case, _ in cases)
    for group in sorted(seen.keys() | expected.keys(), key=int):
        if seen[group] != expected.get(group, 0):
            bad.append(f"group {group}  {seen[group]} cases, not {expected.get(group, 0)}")
    return len(cases), bad


def main(name, folder, *groups):
    """Prints what was found and whether it is good."""
    expected = {group: int(count) for group, count in (word.split("=") for word in groups)}
    count, bad = judge(pathlib.Path(folder), expected)
    print(f"{name:<24} {count:>4} of {sum(expected.values())} cases, {len(bad)} bad")
    for line in bad:
        print(f"  {line}")
    return 1 if bad or not count else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
