"""Topic filters: ``+`` is one level, a trailing ``#`` the rest and the parent, as in MQTT."""

from __future__ import annotations

from .errors import MsgbusError


def check_filter(filter: str) -> None:
    """Raises MsgbusError ``invalid_argument/bad_filter`` for what is no well formed filter."""

    def bad(why: str) -> MsgbusError:
        return MsgbusError("invalid_argument", "bad_filter", f"topic filter {filter!r}: {why}")

    if filter == "":
        raise bad("it is empty")
    if "\0" in filter:
        raise bad("it contains U+0000")
    levels = filter.split("/")
    for index, level in enumerate(levels):
        if "#" in level and (level != "#" or index != len(levels) - 1):
            raise bad("'#' must be the whole last level")
        if "+" in level and level != "+":
            raise bad("'+' must be a whole level")


def topic_matches(filter: str, topic: str) -> bool:
    """Whether a well formed filter matches a topic; a leading wildcard matches nothing below ``$``."""
    pattern, levels = filter.split("/"), topic.split("/")
    if topic.startswith("$") and pattern[0] in ("+", "#"):
        return False
    for index, want in enumerate(pattern):
        if want == "#":
            return True
        if index >= len(levels) or want not in ("+", levels[index]):
            return False
    return len(pattern) == len(levels)


def is_exact(filter: str) -> bool:
    return "+" not in filter and "#" not in filter
