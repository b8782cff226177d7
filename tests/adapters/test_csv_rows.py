"""CSV files are taken whole or refused whole, and no report repeats what was in a cell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.csv_forms import BadCell, Column, read_cell, write_cell
from adapters.csv_rows import MOST_PROBLEMS, FileRefused, Problem, read_rows, write_rows
from tests.adapters.csv_world import CONTACT, CPR, MAPPING, PLACE, file_of


def problems(content: bytes, most_rows: int = 1000) -> list[Problem]:
    with pytest.raises(FileRefused) as caught:
        read_rows(content, MAPPING, most_rows)
    return list(caught.value.problems)


def wrong(**cells: str) -> list[Problem]:
    return problems(file_of(CPR | cells))


def test_a_good_file_is_rows_with_their_bytes():
    content = file_of(CPR, PLACE, CONTACT)
    rows = read_rows(content, MAPPING, 1000)
    assert [row.number for row in rows] == [2, 3, 4]
    assert rows[0].values["item"] == "cpr-decision"
    assert rows[0].values["cpr"]["code"] == "450476008"
    header, first, second, third = content.splitlines(keepends=True)
    assert [row.original for row in rows] == [header + first, header + second, header + third]


def test_one_row_by_itself_reads_as_it_did_in_its_file():
    for row in read_rows(file_of(CPR, PLACE | {"note": 'Two\r\nlines, and "quotes"'}), MAPPING, 1000):
        (alone,) = read_rows(row.original, MAPPING, 1000)
        assert alone.values == row.values
        assert alone.original == row.original


def test_columns_stand_in_any_order_and_those_that_no_row_needs_may_be_missing():
    columns = sorted(CPR, reverse=True)
    (row,) = read_rows(file_of(CPR, columns=columns), MAPPING, 1000)
    assert row.values["note"] == "CPR would not work."


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + file_of(CPR),
        file_of(CPR).replace(b"\r\n", b"\n"),
        file_of(CPR).rstrip(b"\r\n"),
        file_of(CPR) + b"\r\n\r\n",
    ],
    ids=["byte order mark", "line feeds", "no last line break", "empty lines at the end"],
)
def test_what_other_programs_write_is_read(content):
    (row,) = read_rows(content, MAPPING, 1000)
    assert row.values["record_id"] == "r-1"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty"),
        ("Zoë".encode("latin-1"), "the file is not UTF-8 (byte 2, counted from 0)"),
        ("a,b".encode("utf-16"), "the file is UTF-16; save it as UTF-8 (byte 0)"),
        (b'"unclosed', "the header is not valid CSV"),
    ],
)
def test_what_is_no_csv_file_is_said_in_a_sentence(content, sentence):
    assert problems(content) == [Problem(0, "", sentence)]


def test_ten_thousand_columns_are_one_problem():
    (problem,) = problems(",".join(f"c{n}" for n in range(10_000)).encode())
    assert problem.row == 1
    assert "10000 columns" in problem.sentence


def test_a_missing_header_gives_nobody_away():
    found = problems(file_of(CPR).split(b"\r\n", 1)[1])
    assert all(one.row == 1 for one in found)
    whole = repr(found)
    for personal in (*CPR.values(),):
        if len(personal) > 3:
            assert personal not in whole


def test_a_header_is_judged_column_by_column():
    columns = [name for name in MAPPING.columns if name not in ("nhs_number", "note")]
    header = ",".join([*columns, "item", "Exampleby"]).encode()
    assert problems(header) == [
        Problem(1, "item", "is there twice"),
        Problem(1, "", f"column {len(columns) + 2} is not one of the mapping"),
        Problem(1, "nhs_number", "is missing"),
    ]
    assert problems(b"action;item\r\n")[0].sentence == "has one column; columns are separated by commas"


@pytest.mark.parametrize(
    ("column", "cell", "sentence"),
    [
        ("nhs_number", "9990000019", "is not an NHS number"),
        ("nhs_number", "", "is empty"),
        ("date_of_birth", "02/05/1941", "is not a date written YYYY-MM-DD"),
        ("date_of_birth", "1941-02-30", "is not a date written YYYY-MM-DD"),
        ("date_of_birth", "19410502", "is not a date written YYYY-MM-DD"),
        ("decided_at", "2026-11-02T14:30:00", "is not a time with its zone, written YYYY-MM-DDThh:mm:ss+hh:mm"),
        ("decided_at", "2026-11-02T25:30:00Z", "is not a time with its zone, written YYYY-MM-DDThh:mm:ss+hh:mm"),
        ("decided_at", "2026-11-02", "is not a time with its zone, written YYYY-MM-DDThh:mm:ss+hh:mm"),
        ("decided_at", "", "is empty"),
        ("clinician_id", "", "is empty"),
        ("clinician_role", "", "is empty"),
        ("clinician_organisation", "", "is empty"),
        ("clinician_organisation", "the home", "is not an organisation code (ODS)"),
        ("cpr", "yes please", "is not one of the words of this column"),
        ("cpr", "", "is empty"),
        ("item", "everything", "is not one of the words of this column"),
        ("record_id", "../r-1", "is not 1 to 64 letters, digits, dots and hyphens"),
        ("note", "x" * 2001, "is longer than 2000 characters"),
        ("note", " \t ", "holds nothing but space"),
        ("note", "a\x00b", "holds a character that is no text"),
        ("note", "a\x1b[31mb", "holds a character that is no text"),
        ("family_name", "", "is empty"),
        ("changed_at", "", "is empty"),
    ],
)
def test_each_cell_that_is_wrong_is_named_by_row_and_column(column, cell, sentence):
    assert wrong(**{column: cell}) == [Problem(2, column, sentence)]


def test_every_problem_of_a_file_is_named_and_none_of_its_values():
    content = file_of(CPR, CPR | {"record_id": "r-9", "nhs_number": "12345", "cpr": "perhaps"}, PLACE | {"place": ""})
    assert problems(content) == [
        Problem(3, "nhs_number", "is not an NHS number"),
        Problem(3, "cpr", "is not one of the words of this column"),
        Problem(4, "place", "is empty"),
    ]


def test_a_row_of_another_length_is_named():
    content = file_of(CPR) + b"put,r-5\r\n"
    assert problems(content) == [Problem(3, "", f"has 2 cells, and the header {len(MAPPING.columns)}")]


def test_a_quotation_mark_that_is_not_closed_ends_the_file_there():
    content = file_of(CPR) + b'put,"r-5\r\n' + file_of(PLACE).split(b"\r\n", 1)[1]
    assert problems(content) == [Problem(3, "", "is not valid CSV: a quotation mark is missing or misplaced")]


def test_a_cell_too_large_for_any_column_is_named():
    assert problems(file_of(CPR | {"note": "x" * 200_000}))[0].row == 2


def test_two_rows_about_one_record_are_refused():
    assert problems(file_of(CPR, PLACE, CPR)) == [Problem(4, "record_id", "is the record of row 2 again")]
    assert len(read_rows(file_of(CPR, PLACE | {"record_id": "r-1"}), MAPPING, 1000)) == 2


def test_there_is_an_end_to_rows_and_to_problems():
    many = [PLACE | {"record_id": f"r-{n}"} for n in range(MOST_PROBLEMS + 500)]
    assert problems(file_of(*many[:11]), most_rows=10) == [Problem(0, "", "the file has more than 10 rows")]
    assert problems(file_of(PLACE) + b"\r\n" * 11, most_rows=10) == [Problem(0, "", "the file has more than 10 rows")]
    found = problems(file_of(*(one | {"place": "moon"} for one in many)), most_rows=10_000)
    assert len(found) == MOST_PROBLEMS + 1
    assert found[-1] == Problem(0, "", f"there are more problems than the {MOST_PROBLEMS} listed")


def test_a_removal_needs_to_say_only_whose_and_which():
    row = {name: CPR[name] for name in ("record_id", "nhs_number", "family_name", "date_of_birth", "item")}
    (found,) = read_rows(file_of(row | {"action": "remove"}), MAPPING, 1000)
    assert found.values["action"] == "remove"


FORMULAS = ["=1+1", "+44 7700 900001", "-5", "@SUM(A1)", "'=1", "''+1", "\t=1", "＝1", '=HYPERLINK("x")|cmd']
TEXT = Column("text", limit=500)


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_data_on_the_way_in_and_harmless_on_the_way_out(text):
    cell = write_cell(TEXT, text)
    assert cell is not None
    assert cell[0] == "'"
    assert read_cell(TEXT, cell) == text


def test_what_is_no_formula_goes_out_as_it_is():
    assert write_cell(TEXT, "'tis fine = so") == "'tis fine = so"
    assert read_cell(TEXT, "=1+1") == "=1+1"


@given(st.text(max_size=30) | st.text("'=+-@\t\r\n＝a\"", max_size=8))
def test_a_text_goes_out_and_comes_back_or_does_not_go(text):
    cell = write_cell(TEXT, text)
    if cell is not None:
        assert cell[0] not in "=+-@\t\r\n＝＋－＠"
        assert read_cell(TEXT, cell) == text
    elif text:
        with pytest.raises(BadCell):
            read_cell(TEXT, text)


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(',"\n\r'), min_size=1), max_size=5
    )
)
def test_what_is_written_is_read_back_cell_by_cell(notes):
    rows = [PLACE | {"record_id": f"r-{n}"} for n in range(len(notes))]
    cells = [write_cell(MAPPING.columns["note"], note) or "" for note in notes]
    content = write_rows([row | {"note": cell} for row, cell in zip(rows, cells, strict=True)], MAPPING)
    found = read_rows(content, MAPPING, 1000)
    assert [row.values.get("note", "") for row in found] == [
        note if cell else "" for note, cell in zip(notes, cells, strict=True)
    ]


def test_a_number_that_people_write_in_groups_is_the_same_number():
    assert read_cell(Column("nhs-number"), "999 000 0018") == "9990000018"
