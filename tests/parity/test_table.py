from pathlib import Path

from tests.parity.table import rows

REPORT = """<testsuites><testsuite name="pytest">
<testcase classname="tests.parity.test_x" name="test_it_equals_theirs[a-1]" time="1"/>
<testcase classname="tests.parity.test_x" name="test_it_equals_theirs[b-1]" time="1">
<failure message="no"/></testcase>
<testcase classname="tests.models.text.test_y" name="test_one" time="1"/>
</testsuite></testsuites>"""


def test_runs_of_a_test_are_one_row_and_those_that_failed_are_not_equal(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    assert rows(tmp_path / "report.xml") == [
        "| models/text/test_y: one | 1 | 1 |",
        "| parity/test_x: it equals theirs | 2 | 1 |",
        "| all | 3 | 2 |",
    ]
