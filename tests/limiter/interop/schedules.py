"""Answers questions about schedules, one JSON object a line, with the functions of zae-limiter.

{"zone", "now", "base": [capacity, refill, period], "entries": [{"cron", scale or numbers}]}
    null if it refuses an entry, else what it says of the entries, and of their expressions as resets
{"zone", "compact"}
    the stored form as it would write it, [as a schedule, as a reset schedule], null for one that it refuses
"""
import json
import sys

from zae_limiter import schedule
from zae_limiter.schedule import ScheduleEntry


def evaluate(case):
    zone, now = case["zone"], case["now"]
    entries = tuple(ScheduleEntry(tz=zone, **entry) for entry in case["entries"])
    resets = tuple(ScheduleEntry.reset(entry.cron, zone) for entry in entries)
    # As they are stored: with the scale in thousandths.
    stored = schedule.decode(*schedule.encode(entries))
    parsed = [schedule.parse_cron(entry.cron, zone) for entry in entries]
    return {
        "active": next((i for i, cron in enumerate(parsed) if schedule.matches(cron, now)), None),
        "boundary": schedule.next_boundary(entries, now_ms=now),
        "parameters": schedule.effective_params(*case["base"], stored, now),
        "encoded": schedule.encode(entries)[0],
        "reset_boundary": schedule.next_boundary((), resets, now_ms=now),
        "next_edge": schedule.next_reset_edge(resets, now_ms=now),
        "previous_edge": schedule.prev_reset_edge(resets, now),
        "cycle": min(map(schedule.cycle_seconds, parsed)) * 1000,
        "reset_encoded": schedule.encode_reset(resets)[0],
    }


def attempt(call, *arguments):
    try:
        return call(*arguments)
    except ValueError:
        return None


def decoded(case):
    def of(decode, encode):
        return encode(decode(case["compact"], case["zone"]))[0]

    return [
        attempt(of, schedule.decode, schedule.encode),
        attempt(of, schedule.decode_reset, schedule.encode_reset),
    ]


for line in sys.stdin:
    case = json.loads(line)
    print(json.dumps(decoded(case) if "compact" in case else attempt(evaluate, case)))
