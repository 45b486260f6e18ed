"""What the gauges in the cellar send: one object in each line."""

import smtplib
import sqlite3


def read_reading(line: str) -> dict:
    """Parses JSON text that a gauge has sent and gives its members."""
    import json

    members = json.loads(line)
    if not isinstance(members, dict):
        raise ValueError("a reading is an object")
    return members


def keep_reading(database: sqlite3.Connection, reading: dict) -> None:
    """Inserts a row for a reading."""
    database.execute("INSERT INTO readings VALUES (?, ?)", (reading["at"], reading["level"]))


def warn_by_mail(address: str, level: float) -> None:
    """Sends a warning that the water rises."""
    with smtplib.SMTP("localhost") as server:
        server.sendmail("cellar@localhost", address, f"The water is at {level} cm.")
