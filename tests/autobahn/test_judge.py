"""The judge's own promises: what it must never let through. Run by scripts/lib/check_autobahn before the suite."""

import json
import pathlib
import tempfile
import unittest

from judge import judge

GOOD = {"behavior": "OK", "behaviorClose": "OK"}
TOLD = {"behavior": "INFORMATIONAL", "behaviorClose": "INFORMATIONAL"}
CLEAN = {"description": "a case", "wasClean": True, "droppedByMe": False}


class Judge(unittest.TestCase):
    """Folders written by hand, as the suite would write them."""

    def bad(self, index, report=CLEAN, case="1.1.1", expected=None):
        """What is wrong with a run of one case."""
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "index.json").write_text(json.dumps({"direct": {case: {**index, "reportfile": "case.json"}}}))
            (folder / "case.json").write_text(json.dumps(report))
            return judge(folder, expected or {case.split(".")[0]: 1})[1]

    def test_a_case_that_passed_and_closed_cleanly_is_good(self):
        self.assertEqual(self.bad(GOOD), [])

    def test_a_case_that_failed_or_passed_only_laxly_or_was_not_tried_is_bad(self):
        for behavior in ("FAILED", "NON-STRICT", "UNIMPLEMENTED", "INFORMATIONAL", "some new word"):
            self.assertIn(behavior, self.bad({**GOOD, "behavior": behavior})[0])

    def test_a_close_that_is_not_as_it_should_be_is_bad(self):
        for behavior in ("FAILED", "WRONG CODE", "UNCLEAN", "FAILED BY CLIENT", "INFORMATIONAL"):
            self.assertIn(behavior, self.bad({**GOOD, "behaviorClose": behavior})[0])

    def test_an_unclean_close_is_bad_even_where_the_suite_allows_it(self):
        self.assertIn("not clean", self.bad(GOOD, {**CLEAN, "wasClean": False})[0])
        self.assertIn("end TCP", self.bad(GOOD, {**CLEAN, "droppedByMe": True})[0])

    def test_only_what_the_rfc_leaves_open_may_be_told_without_a_verdict(self):
        self.assertEqual(self.bad(TOLD, case="7.13.1"), [])
        self.assertEqual(len(self.bad(TOLD, case="7.13.3")), 1)

    def test_a_case_too_few_or_too_many_is_bad(self):
        self.assertEqual(self.bad(GOOD, expected={"1": 2}), ["group 1  1 cases, not 2"])
        self.assertEqual(self.bad(GOOD, expected={"1": 1, "9": 1}), ["group 9  0 cases, not 1"])
        self.assertEqual(self.bad(GOOD, expected={"2": 0}), ["group 1  1 cases, not 0"])

    def test_a_run_without_reports_is_bad(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("no result", judge(pathlib.Path(folder), {"1": 1})[1][0])


if __name__ == "__main__":
    unittest.main()
