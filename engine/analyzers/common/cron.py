"""When a cron schedule is due: five fields, names, steps and ranges, as the CronJob controller reads them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAYS = "sun mon tue wed thu fri sat".split()
_FIELD = re.compile(r"^[\d*,/\-A-Za-z?LW#]+$")
_FARTHEST = timedelta(days=400)


def due_after(schedule: str, moment: datetime, zone: str = "") -> datetime | None:
    """The first time after a moment that a schedule names (UTC without a zone); None where it cannot be read or never comes."""
    try:
        fields = [_numbers(text, i) for i, text in enumerate(_MACROS.get(schedule.strip(), schedule).split())]
        local = moment.astimezone(ZoneInfo(zone or "UTC"))
    except (ValueError, ZoneInfoNotFoundError):
        return None
    if len(fields) != 5 or not all(fields):
        return None
    minutes, hours, days, months, weekdays = fields
    either = "*" not in (schedule.split()[2:3] or ["*"])[0] and "*" not in (schedule.split()[4:5] or ["*"])[0]
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    while day - local < _FARTHEST:
        in_month, in_week = day.day in days, (day.weekday() + 1) % 7 in weekdays
        if day.month in months and ((in_month or in_week) if either else (in_month and in_week)):
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    found = day.replace(hour=hour, minute=minute)
                    if found > local:
                        return found
        day += timedelta(days=1)
    return None


def _numbers(text: str, field: int) -> set[int]:
    """The numbers that one field means; raises ValueError on what is none."""
    low, high = _RANGES[field]
    found: set[int] = set()
    for part in text.lower().split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        begin = low if first in ("*", "?") else _number(first, field)
        end = high if first in ("*", "?") or (step and not last) else _number(last, field) if last else begin
        found |= set(range(begin, end + 1, int(step or 1)))
    return {0 if field == 4 and number == 7 else number for number in found if low <= number <= high + (field == 4)}


def _number(text: str, field: int) -> int:
    names = _MONTHS if field == 3 else _DAYS if field == 4 else []
    return names.index(text) + (field == 3) if text in names else int(text)


def bad_schedule(schedule: str) -> str:
    """What is wrong with a cron schedule, in words, or ""."""
    text = schedule.strip()
    if text.startswith(("TZ=", "CRON_TZ=")):
        return "a time zone inside the schedule is not allowed (use spec.timeZone)"
    if text.startswith("@"):
        known = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
        return "" if text in known or text.startswith("@every ") else f"{text} is no known macro"
    fields = text.split()
    if len(fields) != 5:
        return f"a schedule has 5 fields, this one has {len(fields)}"
    limits = ((0, 59, "minute"), (0, 23, "hour"), (1, 31, "day of month"), (1, 12, "month"), (0, 7, "day of week"))
    for value, (low, high, name) in zip(fields, limits, strict=True):
        if not _FIELD.match(value):
            return f"{value} is no valid {name}"
        for number in re.findall(r"(?<![/\d])\d+", value):
            if not low <= int(number) <= high:
                return f"{number} is no valid {name} ({low} to {high})"
    day, month = fields[2], fields[3]
    if day.isdigit() and month.isdigit() and int(day) > (29 if int(month) == 2 else 30 if int(month) in (4, 6, 9, 11) else 31):
        return f"month {month} has no day {day}, so it never comes"
    return ""
