"""Snowflake's SQL API, with the SQL really executed by DuckDB."""
