"""What may be changed, from the screen: the mode by one key, the way back, and what was allowed for the session."""

from __future__ import annotations

from driving import Driver, drive
from fakes.agent import shop

from engine.commands.parsing.lexer import parse


def test_one_key_changes_the_mode_and_the_header_says_so() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        before = agent.status.mode
        await d.press("f5")
        await d.until(lambda: agent.status.mode != before)
        await d.until(lambda: agent.status.mode.split()[0] in d.lines[0])

    drive(story, agent)


def test_undo_begins_a_run_of_its_own() -> None:
    agent = shop()

    async def story(d: Driver) -> None:
        await d.ask("/undo")
        await d.until(lambda: "undo" in agent.log)

    drive(story, agent)


def test_what_was_allowed_is_listed_as_text_and_taken_back() -> None:
    agent = shop()
    agent.grants.add("demo", parse("kubectl annotate deployment web 'note=[bold]x'"))

    async def story(d: Driver) -> None:
        await d.ask("/grants")
        await d.until(lambda: any("note=[bold]x" in str(note.message) for note in d.app._notifications))
        await d.ask("/grants clear")
        await d.until(lambda: agent.grants.list() == [])
        await d.ask("/grants")
        await d.until(lambda: any("every change asks" in str(note.message) for note in d.app._notifications))

    drive(story, agent)
