"""Exporters: scenarios and what happened in them, in the forms that other programs read."""

from twin.exporters.epcis import write_epcis
from twin.exporters.geojson import geojson_text
from twin.exporters.ledger import tables_of, write_csv, write_parquet

__all__ = ["geojson_text", "tables_of", "write_csv", "write_epcis", "write_parquet"]
