"""From records to figures, tables and statistics. Never imports torch."""
