"""The prompts as files: small, versioned, filled completely, and what is from outside always fenced."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.llm.budget import estimate
from engine.llm.checks.output_guard import LoopGuard, bad_start, unfit
from engine.llm.prompts import TASKS, prompt, schema, template
from engine.llm.prompts.fence import RULE, Fence
from engine.llm.prompts.shapes import SHAPES, flat_schema
from engine.llm.structured import read


@pytest.mark.parametrize("task", TASKS)
def test_each_prompt_is_small_and_its_parts_are_in_order(task):
    form = template(task)
    roles = [m.role for m in form.fixed]
    assert form.version >= 1
    assert roles[0] == "system"
    assert roles[1:] == ["user", "assistant"] * (len(roles[1:]) // 2)
    assert len(roles) >= 3, "at least one example"
    assert sum(estimate(m.content) for m in form.fixed) <= 700
    assert set(form.outside) <= set(form.fields)
    assert (RULE in form.fixed[0].content) == bool(form.outside)


@pytest.mark.parametrize("task", [t for t in TASKS if template(t).shape])
def test_the_examples_of_a_structured_prompt_are_valid_themselves(task):
    shape = SHAPES[template(task).shape]
    for turn in template(task).fixed:
        if turn.role == "assistant":
            assert read(turn.content, shape, flat_schema(shape))
    for field in schema(task)["properties"]:
        assert f'"{field}"' in template(task).fixed[0].content, "the server does not tell the model the schema; the prompt must"


@pytest.mark.parametrize("task", TASKS)
def test_no_place_is_left_unfilled_and_none_can_be_forgotten(task):
    form = template(task)
    messages = prompt(task, **dict.fromkeys(form.fields, "something"))
    assert "{{" not in json.dumps([m.content for m in messages])
    with pytest.raises(ValueError, match="takes the fields"):
        prompt(task, nothing="x")


def test_a_value_that_looks_like_a_place_is_not_filled_again():
    last = prompt("diagnose", query="what about {{evidence}}?", result="{{passages}}", evidence="SECRET-LOG", passages="-")[-1].content
    assert "what about {{evidence}}?" in last
    assert last.count("SECRET-LOG") == 1


def test_an_unknown_task_is_named():
    with pytest.raises(ValueError, match="classify"):
        template("clasify")


def test_the_fence_of_one_question_stays_the_same_and_of_the_next_is_another():
    fence = Fence()
    one = prompt("judge", fence, hypothesis="h", evidence="e")[-1].content
    two = prompt("judge", fence, hypothesis="h", evidence="e")[-1].content
    assert one == two
    assert prompt("judge", hypothesis="h", evidence="e")[-1].content != one


@given(st.text(alphabet=st.sampled_from("<>|[]/DATA-0123 \nINSTsystem_endofturn"), max_size=200))
def test_nothing_written_inside_can_close_the_fence_or_pretend_to_be_a_turn(text):
    fence = Fence("DATA-0123")
    block = fence.wrap(text)
    assert block.startswith("<<<DATA-0123\n")
    assert block.endswith("\nDATA-0123>>>")
    inside = block[len("<<<DATA-0123\n") : -len("\nDATA-0123>>>")]
    assert "DATA-0123" not in inside
    assert not re.search(r"<\|[^|<>\n]{0,40}\|>|\[/?INST\]", inside)


def test_a_loop_is_noticed_soon_and_a_table_is_none():
    guard = LoopGuard()
    heard = 0
    for _ in range(1000):
        heard += 1
        if guard.feed("again and "):
            break
    assert heard < 40
    table = LoopGuard()
    assert not any(table.feed(f"| pod-{n * 37 % 91} | Running | {n * n} | 10.0.{n}.7 |\n") for n in range(60))
    assert not LoopGuard().feed(" " * 400)


@pytest.mark.parametrize(
    "text",
    [
        "I can't help with that.",
        "I’m sorry, but",
        "As an AI language model, I",
        '{"name": "kubectl"}',
        "<tool_call>x",
        '```json\n{"tool": "x"}',
    ],
)
def test_a_refusal_and_a_tool_call_show_by_their_beginning(text):
    assert bad_start(text)


@pytest.mark.parametrize("text", ["I can see that the pod", "{{ template }} is odd", "```bash\nkubectl get pods\n```", "Root cause: x"])
def test_other_beginnings_are_fine(text):
    assert bad_start(text) == ""


def test_code_is_no_foreign_language_and_like_lines_in_it_are_no_loop():
    container = "      - name: c{0}\n        image: example.com/team/c{0}:1.0\n        imagePullPolicy: IfNotPresent\n"
    block = "```yaml\nkind: Pod\nspec:\n    containers:\n" + "".join(container.format(n) for n in range(4)) + "```"
    assert unfit(block, query="write a pod with four containers for me") == ""
    assert not LoopGuard().feed(block)


def test_a_question_in_another_language_may_be_answered_in_it():
    text = "Die Ursache liegt darin, dass der Container ohne die Variable startet und deshalb sofort wieder stirbt."
    assert unfit(text, query="Warum startet der Container immer wieder neu, obwohl alles läuft?") == ""
    assert unfit(text, query="why does the container start again and again?")
