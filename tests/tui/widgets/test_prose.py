"""Markdown of answers as paragraphs: shown in form, cited as links, and literal in everything else."""

from __future__ import annotations

from textual.content import Content
from textual.style import Style

from tui.widgets.text.flow import Para
from tui.widgets.text.markdown import GrowingProse, link_to, prose


def link(id: str) -> Style:
    return link_to("cite", "run", id)


def plain(paras: list[Para]) -> list[str]:
    return [f"{para.lead.plain}{para.body.plain}".rstrip() for para in paras]


def test_headings_lists_and_code() -> None:
    text = "# Cause\n\nIt **waits** for `x`.\n\n- one\n- two\n  - deeper\n\n1. first\n2. second\n\n```yaml\na: 1\n```"
    assert plain(prose(text, link)) == [
        "Cause", "", "It waits for x.", "", "• one", "• two", "  • deeper", "", "1 first", "2 second", "", "   a: 1",
    ]  # fmt: skip


def test_citations_are_links_that_carry_their_id() -> None:
    body = prose("It is so [E3] and [D1, E4].", link)[0].body
    assert body.plain == "It is so E3 and D1 E4."
    clicks = {
        body.plain[span.start : span.end]: span.style.meta["@click"]
        for span in body.spans
        if isinstance(span.style, Style) and "@click" in span.style.meta
    }
    assert clicks == {id: ("app.follow", ("cite", "run", id)) for id in ("E3", "D1", "E4")}


def test_markup_html_and_escapes_stay_text() -> None:
    text = "[bold]x[/bold] <script>alert(1)</script> [@click=app.quit]y[/] \x1b[31mred"
    assert plain(prose(text, link)) == ["[bold]x[/bold] <script>alert(1)</script> [@click=app.quit]y[/] ␛[31mred"]


def test_a_link_in_markdown_leads_nowhere_of_its_own() -> None:
    body = prose("[see](javascript:alert(1)) and https://example.org", link)[0].body
    assert not any(isinstance(span.style, Style) and span.style.meta for span in body.spans)


def test_text_that_grows_ends_as_the_whole_would() -> None:
    text = "First **paragraph** [E1].\n\nSecond one\nof two lines.\n\n```\ncode\n\nmore code\n```\n\n- a\n- b\n\nEnd."
    growing = GrowingProse(link)
    shown: list[Para] = []
    for at in range(0, len(text), 3):
        shown = growing.append(text[at : at + 3])
    assert plain(shown) == plain(prose(text, link))


def test_an_open_code_block_is_not_cut_at_its_blank_lines() -> None:
    growing = GrowingProse(link)
    growing.append("```\na\n\nb")
    assert plain(growing.append("\n```")) == ["   a", "", "   b"]


def test_paragraphs_hang_under_their_lead() -> None:
    para = Para(Content("one two three four"), Content("lead "))
    assert [line.plain for line in para.lines(14)] == ["lead one two", "     three", "     four"]


def test_a_tail_stands_behind_the_text_or_below_it() -> None:
    para = Para(Content("command"), Content("  "), tail=Content("  run"))
    assert [line.plain for line in para.lines(20)] == ["  command  run"]
    assert next(iter(para.lines(10))).plain.rstrip() == "  command"
    assert len(para.lines(12)) == 2


def test_words_of_any_length_fit() -> None:
    assert all(line.cell_length <= 20 for line in Para(Content("x" * 500), Content("• ")).lines(20))
