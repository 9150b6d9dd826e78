"""Date literals of SOQL: each means a span of days, from its first to the day after its last."""

from __future__ import annotations

import datetime as dt

from pipes_sandbox.providers.salesforce import errors


def span(literal: str, today: dt.date) -> tuple[dt.date, dt.date]:
    """Half-open span of a date literal such as TODAY or LAST_N_DAYS:7. Raises RefusalError 400 for an unknown one."""
    day = dt.timedelta(days=1)
    name, _, number = literal.partition(":")
    count = int(number) if number else 0
    match name:
        case "TODAY":
            return today, today + day
        case "YESTERDAY":
            return today - day, today
        case "TOMORROW":
            return today + day, today + 2 * day
        case "LAST_N_DAYS":
            return today - count * day, today + day
        case "NEXT_N_DAYS":
            return today + day, today + (count + 1) * day
        case "N_DAYS_AGO":
            return today - count * day, today - (count - 1) * day
        case "LAST_90_DAYS":
            return today - 90 * day, today + day
        case "NEXT_90_DAYS":
            return today + day, today + 91 * day
        case "THIS_WEEK" | "LAST_WEEK" | "NEXT_WEEK":
            start = today - ((today.weekday() + 1) % 7) * day + _shift(name) * 7 * day
            return start, start + 7 * day
        case "THIS_MONTH" | "LAST_MONTH" | "NEXT_MONTH":
            return _months(today, today.month - 1 + _shift(name), 1)
        case "THIS_QUARTER" | "LAST_QUARTER" | "NEXT_QUARTER":
            return _months(today, (today.month - 1) // 3 * 3 + 3 * _shift(name), 3)
        case "THIS_YEAR" | "LAST_YEAR" | "NEXT_YEAR":
            return _months(today, 12 * _shift(name), 12)
    raise errors.malformed_query(f"unexpected token: '{literal}'")


def _shift(name: str) -> int:
    return {"THIS": 0, "LAST": -1, "NEXT": 1}[name.partition("_")[0]]


def _months(today: dt.date, month: int, length: int) -> tuple[dt.date, dt.date]:
    """`length` months from the `month`th of this year on, counted from 0 and possibly outside the year."""

    def first(index: int) -> dt.date:
        return dt.date(today.year + index // 12, index % 12 + 1, 1)

    return first(month), first(month + length)
