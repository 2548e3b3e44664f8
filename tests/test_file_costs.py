from pathlib import Path

from tests.file_costs import costs, found, order

REPORT = """<testsuites><testsuite name="pytest">
<testcase classname="tests.ui.test_a" name="one" time="1.5"/>
<testcase classname="tests.ui.test_a.TestB" name="two" time="0.75"/>
<testcase classname="tests.test_c" name="three" time="0.2"/>
</testsuite></testsuites>"""


def test_seconds_of_a_report_are_summed_by_file(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    assert found(tmp_path / "report.xml") == {"tests/ui/test_a.py": 2.2}


def test_those_with_a_browser_begin_and_then_the_dearest() -> None:
    files = ["a", "b", "c", "d", "b", "e"]
    assert order(files, {"e", "c"}, {"b": 3.0, "d": 9.0, "e": 1.0}) == {
        "e": 0,
        "c": 1,
        "d": 2,
        "b": 3,
        "a": 4,
    }


def test_the_table_is_of_files_that_take_a_second_or_more() -> None:
    assert min(costs().values()) >= 1.0
    assert all(file.startswith("tests/") for file in costs())
