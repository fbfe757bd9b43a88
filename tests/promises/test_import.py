"""A log becomes a folder that collect goes on from; what is dropped has its reason."""

import json
import subprocess
import sys

import pytest

from routewright.collect import ANSWERS_FILE, missing_cells, read_answers
from routewright.data.logs import folder
from routewright.data.prompt_file import load_prompts
from routewright.types import AnswerState, Model
from tests.fakes.upstream import Say, Upstream


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "routewright.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
    )


def pair(text, answer="fine", model="cheap", **more):
    request = {"model": model, "messages": [{"role": "user", "content": text}]}
    choice = {"message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    return {"request": request, "response": {"choices": [choice], "usage": usage}, **more}


def log_of(tmp_path, rows, name="log.jsonl"):
    path = tmp_path / name
    path.write_text(
        "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    )
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


QUESTIONS = [
    "Which river flows through the old town of Prague?",
    "Explain how a heat pump moves warmth from cold air.",
    "Write a haiku about a lighthouse in winter.",
    "Was kostet eine Fahrkarte nach Hamburg und wie lange dauert die Fahrt?",
]


def test_answers_that_the_log_holds_are_not_bought_again(tmp_path):
    log = log_of(tmp_path, [pair(text, cost_usd=0.25) for text in QUESTIONS[:3]])
    out = tmp_path / "out"
    done = run("import", "auto", log, "--out", out)
    assert done.returncode == 0, done.stderr
    with Upstream() as upstream:
        upstream.script["cheap"] = upstream.script["dear"] = [Say("bought")]
        config = tmp_path / "routewright.toml"
        config.write_text(
            f'[providers.x]\nkind = "openai"\nbase_url = "{upstream.url}"\n'
            '[models.cheap]\nprovider = "x"\ninput_usd_per_mtok = 1\n'
            '[models.dear]\nprovider = "x"\ninput_usd_per_mtok = 2\n'
        )
        collect = ("collect", out / "imported.jsonl", "--models", "cheap,dear", "--out", out)
        done = run(*collect, "--yes", "--config", config)
        assert done.returncode == 0, done.stderr
        assert (upstream.asked("cheap"), upstream.asked("dear")) == (0, 3)
    answers = read_answers(out)
    assert sorted(answer.text for answer in answers) == ["bought"] * 3 + ["fine"] * 3
    assert {answer.cost_usd for answer in answers if answer.model == "cheap"} == {0.25}
    assert folder.ANSWERS == ANSWERS_FILE

    again = run("import", "auto", log, "--out", out)  # changes nothing
    assert again.returncode == 0, again.stderr
    assert read_answers(out) == answers


def test_every_row_and_answer_is_kept_or_dropped_with_its_reason(tmp_path):
    first, second, third, german = QUESTIONS
    rows = [
        pair(first, cost_usd=0.5),
        pair(first, "other", cost_usd=0.5),  # another answer of the same model
        pair(first.upper(), cost_usd=0.5),  # the same question, not the same words
        pair(second, model="unpriced"),
        pair(third, "", cost_usd=0.5),
        pair(german, cost_usd=0.5),
        "{broken",
        {"messages": [{"role": "tool", "content": "x"}]},
    ]
    out = tmp_path / "out"
    done = run("import", "openai", log_of(tmp_path, rows), "--out", out)
    assert done.returncode == 0, done.stderr
    told = json.loads((out / "import.json").read_text())
    assert told["rows"] == len(rows)
    assert told["dropped"]["rows"] == {"duplicate": 2, "broken": 1, "tool calls": 1}
    assert told["dropped"]["answers"] == {
        "answer to a dropped prompt": 1,
        "answer without a known cost": 1,
    }
    assert told["languages"]["after"] == {"en": 3, "de": 1}
    dropped = {(one["what"], one["place"]) for one in lines(out / "dropped.jsonl")}
    assert ("row", "log.jsonl:7") in dropped
    prompts = load_prompts(out / "imported.jsonl")
    assert [prompt.text for prompt in prompts] == QUESTIONS
    assert all(prompt.task for prompt in prompts)
    answers = read_answers(out)
    assert [(a.text, a.sample, a.state) for a in answers] == [
        ("fine", 0, AnswerState.COMPLETE),
        ("", 0, AnswerState.EMPTY),
        ("fine", 0, AnswerState.COMPLETE),
        ("other", 1, AnswerState.COMPLETE),
    ]
    cells = missing_cells(prompts, [Model("cheap", "x")], answers)
    assert [cell.prompt.text for cell in cells] == [second]
    for words in ("8 rows", "2  dropped duplicate (first log.jsonl:2", "4  prompts", "en 75.0%"):
        assert words in done.stdout


def test_the_last_turn_after_another_history_is_another_prompt(tmp_path):
    def talk(start):
        turns = [("user", start), ("assistant", "Fine."), ("user", "Please go on with the story.")]
        return {"messages": [{"role": role, "content": text} for role, text in turns]}

    rows = [talk(QUESTIONS[0]), talk(QUESTIONS[1]), talk(QUESTIONS[0])]
    out = tmp_path / "out"
    assert run("import", "openai", log_of(tmp_path, rows), "--out", out).returncode == 0
    assert len(load_prompts(out / "imported.jsonl")) == 2


def test_near_duplicates_are_dropped_or_marked_as_one_group(tmp_path):
    long = " ".join(QUESTIONS)
    log = log_of(tmp_path, [{"prompt": long}, {"prompt": long + " thanks"}, {"prompt": "Else?"}])
    assert run("import", "openai", log, "--out", tmp_path / "a").returncode == 0
    assert len(load_prompts(tmp_path / "a" / "imported.jsonl")) == 2
    (near,) = lines(tmp_path / "a" / "dropped.jsonl")
    first = load_prompts(tmp_path / "a" / "imported.jsonl")[0]
    assert (near["reason"], near["kept"]) == ("near duplicate", first.id)
    assert run("import", "openai", log, "--near", "group", "--out", tmp_path / "b").returncode == 0
    one, two, other = load_prompts(tmp_path / "b" / "imported.jsonl")
    assert one.group == two.group != other.group


def test_a_folder_is_never_mixed_or_overwritten(tmp_path):
    log = log_of(tmp_path, [pair(QUESTIONS[0], cost_usd=1)])
    other = log_of(tmp_path, [pair(QUESTIONS[1], cost_usd=1)], "other.jsonl")
    out = tmp_path / "out"
    assert run("import", "openai", log, "--out", out).returncode == 0
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    for arguments, word in (((other,), "another log"), ((log, "--seed", 5), "another options")):
        done = run("import", "openai", *arguments, "--out", out)
        assert (done.returncode, word in done.stderr) == (2, True), done.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "answers.journal").write_text("")
    done = run("import", "openai", log, "--out", taken)
    assert (done.returncode, "already holds answers.journal" in done.stderr) == (2, True)
    assert [path.name for path in taken.glob("[!.]*")] == ["answers.journal"]


@pytest.mark.parametrize("moved", range(4))
def test_an_import_killed_while_it_is_put_in_place_begins_again(tmp_path, monkeypatch, moved):
    from routewright.data.logs import Source, log_format
    from routewright.data.logs.importing import Steps, import_log
    from routewright.encoders.named import make

    log = log_of(tmp_path, [pair(text, cost_usd=1) for text in QUESTIONS])

    def go():
        return import_log(
            Source(log), "openai", log_format("openai"), tmp_path / "out",
            steps=Steps(), encoder=make("static"),
        )  # fmt: skip

    with monkeypatch.context() as broken:
        broken.setattr(folder, "_IN_ORDER", (*folder._IN_ORDER[:moved], "gone"))
        with pytest.raises(FileNotFoundError):
            go()
    assert not (tmp_path / "out" / "imported.jsonl").exists()
    assert go()["prompts"] == 4
    assert len(read_answers(tmp_path / "out")) == 4


def test_a_wrong_file_is_one_line_and_leaves_nothing(tmp_path):
    log = log_of(tmp_path, ["no", "log"])
    done = run("import", "litellm", log, "--out", tmp_path / "out")
    assert done.returncode == 2
    (line,) = [one for one in done.stderr.splitlines() if not one.endswith("...")]
    for word in ("no prompt in 2 rows", "log.jsonl:1", "litellm reads"):
        assert word in line
    assert not (tmp_path / "out").exists()


def test_scrubbed_data_is_in_no_file_of_the_folder(tmp_path):
    rows = [
        pair("Write to jane.doe@example.com about it", "Sent to jane.doe@example.com", cost_usd=1),
        pair("Write to john@example.org about it", cost_usd=1),
    ]
    out = tmp_path / "out"
    done = run("import", "openai", log_of(tmp_path, rows), "--out", out, "--scrub")
    assert done.returncode == 0, done.stderr
    (prompt,) = load_prompts(out / "imported.jsonl")  # without the names they are one
    assert prompt.text == "Write to <EMAIL_1> about it"
    assert [a.text for a in read_answers(out)] == ["Sent to <EMAIL_1>", "fine"]
    for path in out.iterdir():
        assert b"example." not in path.read_bytes()
    assert "scrubbed: 3 EMAIL" in done.stdout
