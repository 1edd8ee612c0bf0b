"""Tables for spreadsheets: no cell is run, and what a spreadsheet makes of a table is read."""

import os

import pytest

from routerlib.rows import spreadsheets
from routerlib.rows.spreadsheets import TableError


def test_a_text_that_a_spreadsheet_would_run_is_harmless():
    rows = [{"prompt": text} for text in ("=1+1", "+1", "-1", "@x", "\tx", "fine", " =2", "＝3")]
    assert spreadsheets.as_csv(rows).splitlines()[1:] == [
        "'=1+1",
        "'+1",
        "'-1",
        "'@x",
        "'\tx",
        "fine",
        "' =2",
        "'＝3",
    ]
    assert spreadsheets.as_csv([{"prompt": "\n=4"}]).endswith('"\'\n=4"\n')
    assert spreadsheets.as_csv([]) == ""


@pytest.mark.parametrize(
    "content",
    [
        "id,verdict\nx,A\n\ny,\n",
        "\ufeffVerdict;Id;note\r\nA;x;fine\r\n;y;\r\n",
        "id\tverdict\nx\tA\ny\t\n",
        "id,verdict\rx,A\ry,\r",
        "\r\nid;verdict;;\r\nx;A;;\r\ny;;;\r\n",
        "sep=;\r\nid;verdict\r\nx;A\r\ny;\r\n",
        "id,verdict\nx,A\ny\n",
    ],
)
def test_what_a_spreadsheet_makes_of_a_table_is_read(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_text(content, encoding="utf-8", newline="")
    rows = [row for _, row in spreadsheets.read_spreadsheet(path, ("id", "verdict"))]
    assert rows == [{"id": "x", "verdict": "A"}, {"id": "y", "verdict": ""}]


def test_a_table_in_utf_16_is_read(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("id\tverdict\nx\tgrün\n", encoding="utf-16")
    assert [row["verdict"] for _, row in spreadsheets.read_spreadsheet(path, ("verdict",))] == [
        "grün"
    ]


def test_a_place_is_what_a_spreadsheet_and_an_editor_show(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('id,text\n1,"a\nb"\n\n2,c\n')
    places = [place for place, _ in spreadsheets.read_spreadsheet(path, ("id",))]
    assert places == ["line 2", "row 4 (line 5 of the text)"]


def test_cells_of_several_lines_and_long_ones_are_read(tmp_path):
    path = tmp_path / "table.csv"
    text = "a line\nand one, more\n" + "x" * 200_000
    path.write_text(spreadsheets.as_csv([{"id": "1", "text": text}]), encoding="utf-8")
    ((_, row),) = spreadsheets.read_spreadsheet(path, ("id", "text"))
    assert row["text"] == text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,said\nx,A\n", r"table.csv: the column 'verdict' is missing; its header has id, said"),
        (b"", "its header has nothing"),
        (b"id,verdict\nx,\xff\n", "no UTF-8 text"),
        (b"id,verdict,Verdict\nx,A,B\n", "2 columns are called 'verdict'"),
        (b"id,verdict\nx,A,B\n", "line 2: 3 cells under 2 columns"),
        (b'id,verdict\nx,A\n"y,B\nz,A\n', "line 3: no CSV .a quotation mark.* never ended"),
        (b'id,verdict\n"x"y,B\nz,A\n', "line 2: no CSV"),
    ],
)
def test_what_is_no_table_is_a_sentence(tmp_path, content, said):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(TableError, match=said):
        list(spreadsheets.read_spreadsheet(path, ("id", "verdict")))


def test_a_pipe_is_a_sentence(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(TableError, match="neither a file nor a folder"):
        list(spreadsheets.read_spreadsheet(tmp_path / "pipe.csv", ("id",)))


def test_a_missing_table_is_a_sentence(tmp_path):
    with pytest.raises(TableError, match="cannot be read"):
        list(spreadsheets.read_spreadsheet(tmp_path / "none.csv", ("id",)))
