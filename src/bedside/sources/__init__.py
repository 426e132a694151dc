"""How a patient is read, and the declared cleaning: the same at training and at the bedside."""

from bedside.sources.cleaning import Recode
from bedside.sources.fingerprint import fingerprint
from bedside.sources.matrix import Matrix, Precision, matrix_of, read_matrix, read_numbers
from bedside.sources.opening import Source, columns, open_table, place, sources
from bedside.sources.parts import Parts, parts
from bedside.sources.patient import moment, read_patient
from bedside.sources.reading import Problem, Reading
from bedside.sources.schema import Kind, Schema, Variable
from bedside.sources.table import Table, nearest
from bedside.sources.table_map import MAP_KEYS, OutcomeMap, TableMap, apply_map, read_map, visits_mapped
from bedside.sources.tables import Stream, open_stream, read_table, stream_table
from bedside.sources.tally import tally
from bedside.sources.text import as_text, number_in, trimmed
from bedside.sources.units import check_unit, convert, factor_and_offset
from bedside.sources.wording import format_value
from bedside.sources.writing import write_csv

__all__ = [
    "MAP_KEYS",
    "Kind",
    "Matrix",
    "OutcomeMap",
    "Parts",
    "Precision",
    "Problem",
    "Reading",
    "Recode",
    "Schema",
    "Source",
    "Stream",
    "Table",
    "TableMap",
    "Variable",
    "apply_map",
    "as_text",
    "check_unit",
    "columns",
    "convert",
    "factor_and_offset",
    "fingerprint",
    "format_value",
    "matrix_of",
    "moment",
    "nearest",
    "number_in",
    "open_stream",
    "open_table",
    "parts",
    "place",
    "read_map",
    "read_matrix",
    "read_numbers",
    "read_patient",
    "read_table",
    "sources",
    "stream_table",
    "tally",
    "trimmed",
    "visits_mapped",
    "write_csv",
]
