"""Logs of every format: what stands in them becomes prompts and answers, or a reason."""

import csv
import gzip
import json
import sqlite3
from pathlib import Path

import polars as pl
import pytest

from routewright.data.logs import FORMATS, Dropped, Logged, Reason, Source, log_format, recognised
from routewright.errors import ConfigError, DataError
from routewright.types import Usage

FIXTURES = Path(__file__).parents[2] / "fixtures" / "logs"
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "What is two?"}]}
DONE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "2"}}
    ],
    "usage": {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 3},
    },
}
USAGE = Usage(10, 5, 4, 3)


def write(path, rows):
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return path


def read(path, name="auto", column=""):
    source = Source(path, column)
    name = recognised(source) if name == "auto" else name
    return list(log_format(name).read(source))


def one(path, name="auto", column=""):
    (entry,) = read(path, name, column)
    return entry


def logged(entry):
    assert isinstance(entry, Logged), entry
    return entry


def turns(entry):
    return [(message.role, message.content) for message in logged(entry).messages]


def reason(entry):
    assert isinstance(entry, Dropped), entry
    return entry.reason


# OpenAI


def test_a_request_alone_is_a_prompt(tmp_path):
    entry = one(write(tmp_path / "log.jsonl", [CHAT | {"max_tokens": 64}]))
    assert turns(entry) == [("user", "What is two?")]
    assert entry.answers == ()
    assert entry.max_tokens == 64
    assert entry.place == "log.jsonl:1"


@pytest.mark.parametrize("request_key", ["request", "body"])
def test_a_pair_is_a_prompt_with_its_answer(tmp_path, request_key):
    row = {request_key: CHAT, "response": DONE, "latency_ms": 1500, "cost_usd": 0.25}
    entry = logged(one(write(tmp_path / "log.jsonl", [row])))
    (said,) = entry.answers
    assert (said.model, said.text, said.finish_reason) == ("gpt-4o", "2", "stop")
    assert said.usage == USAGE
    assert (said.cost_usd, said.latency_s) == (0.25, 1.5)
    assert entry.time.startswith("2023-11-14T")


def test_a_batch_output_finds_its_request_in_the_same_folder(tmp_path):
    ask = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": CHAT}
    lost = {"custom_id": "b", "response": {"status_code": 200, "body": DONE}, "error": None}
    write(tmp_path / "input.jsonl", [ask, ask | {"custom_id": "c"}])
    write(
        tmp_path / "output.jsonl",
        [
            {"custom_id": "a", "response": {"status_code": 200, "body": DONE}, "error": None},
            lost,
            {"custom_id": "c", "response": {"status_code": 500, "body": {"error": {}}}},
        ],
    )
    first, failed, alone = read(tmp_path)
    assert [said.text for said in logged(first).answers] == ["2"]
    assert logged(failed).answers == ()
    assert reason(alone) is Reason.NO_CONVERSATION
    assert "input file" in alone.note
    assert alone.place == "output.jsonl:2"


def test_the_last_turn_of_a_training_row_is_its_answer(tmp_path):
    row = {"messages": [*CHAT["messages"], {"role": "assistant", "content": "Two."}]}
    entry = logged(one(write(tmp_path / "log.jsonl", [row])))
    assert turns(entry) == [("user", "What is two?")]
    assert [lost.reason for lost in entry.lost] == [Reason.NO_MODEL]
    entry = logged(one(write(tmp_path / "log.jsonl", [row | {"model": "gpt-4o"}])))
    assert [said.text for said in entry.answers] == ["Two."]


def test_the_responses_api_is_read(tmp_path):
    request = {
        "model": "gpt-5",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "What is two?"}]}],
        "max_output_tokens": 9,
    }
    response = {
        "output": [
            {"type": "reasoning", "summary": []},
            {"type": "message", "content": [{"type": "output_text", "text": "2"}]},
        ],
        "incomplete_details": {"reason": "max_output_tokens"},
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }
    entry = one(write(tmp_path / "log.jsonl", [{"request": request, "response": response}]))
    assert turns(entry) == [("system", "Be brief."), ("user", "What is two?")]
    (said,) = entry.answers
    assert (said.text, said.finish_reason, said.usage) == ("2", "length", Usage(10, 5))


def test_anthropic_messages_are_read_with_their_cache_as_input(tmp_path):
    request = {"model": "claude", "system": [{"type": "text", "text": "S"}], **CHAT}
    response = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "2"}],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": 5},
    }
    entry = one(write(tmp_path / "log.jsonl", [{"request": request, "response": response}]))
    assert turns(entry)[0] == ("system", "S")
    (said,) = entry.answers
    assert (said.text, said.finish_reason, said.usage) == ("2", "length", Usage(10, 5, 4))


def test_several_choices_share_what_the_call_cost(tmp_path):
    two = DONE | {"choices": [*DONE["choices"], *DONE["choices"]]}
    row = {"request": CHAT, "response": two, "cost_usd": 0.5}
    entry = logged(one(write(tmp_path / "log.jsonl", [row])))
    assert [(said.cost_usd, said.usage.output_tokens) for said in entry.answers] == [(0.25, 2)] * 2


def test_an_answer_that_is_json_stays_as_it_was_written(tmp_path):
    row = {"prompt": "As JSON: two?", "response": '{"answer": 2}', "model": "m"}
    (said,) = logged(one(write(tmp_path / "log.jsonl", [row]))).answers
    assert said.text == '{"answer": 2}'


def test_a_prompt_that_is_json_stays_as_it_was_written(tmp_path):
    entry = one(write(tmp_path / "log.jsonl", [{"prompt": '{"a": [1, 2]}'}]))
    assert turns(entry) == [("user", '{"a": [1, 2]}')]


# What no format takes

IMAGE = [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": "x"}}]
CALL = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"messages": [{"role": "user", "content": IMAGE}]}, Reason.MEDIA),
        ({"messages": [{"role": "assistant", "tool_calls": CALL}]}, Reason.TOOLS),
        ({"messages": [{"role": "tool", "content": "5"}]}, Reason.TOOLS),
        (CHAT | {"tools": [{"type": "function"}]}, Reason.TOOLS),
        ({"messages": []}, Reason.EMPTY),
        ({"messages": [{"role": "user", "content": "  "}]}, Reason.EMPTY),
        ({"messages": [{"role": "user", "content": None}]}, Reason.EMPTY),
        ({"messages": None}, Reason.NO_CONVERSATION),
        ({"messages": 7}, Reason.NO_CONVERSATION),
        ({"messages": [7]}, Reason.NO_CONVERSATION),
        ({"messages": [{"role": "wizard", "content": "x"}]}, Reason.NO_CONVERSATION),
        ({"messages": [{"role": "user", "content": [3]}]}, Reason.NO_CONVERSATION),
        ({"messages": [{"content": "x"}]}, Reason.NO_CONVERSATION),
        ({"other": 1}, Reason.NO_CONVERSATION),
        ({"messages": [{"role": "user", "content": "x" * 8_000_001}]}, Reason.TOO_LARGE),
    ],
)
def test_a_row_that_is_no_text_conversation_is_dropped_with_its_reason(tmp_path, row, expected):
    found = read(write(tmp_path / "log.jsonl", [CHAT, row]), "openai")
    assert reason(found[1]) is expected
    assert found[1].place == "log.jsonl:2"


def test_damaged_lines_are_dropped_and_the_others_read(tmp_path):
    path = tmp_path / "log.jsonl"
    good = json.dumps(CHAT).encode()
    path.write_bytes(
        b"\xef\xbb\xbf"
        + good
        + b"\r\n\r\n"
        + good[:-5]
        + b"\n"
        + good.replace(b"two", b"tw\xff")
        + b"\n"
        + good.replace(b"two", b"\0")
        + b"\n[1]\n"
        + b"[" * 100_000
        + b"\n"
        + b'{"messages": [{"role": "user", "content": "\\ud800"}]}\n'
        + good
    )
    found = read(path)
    assert turns(found[0]) == turns(found[-1]) == [("user", "What is two?")]
    assert [(one.place, one.reason) for one in found[1:-1]] == [
        ("log.jsonl:3", Reason.BROKEN),
        ("log.jsonl:4", Reason.ENCODING),
        ("log.jsonl:5", Reason.BINARY),
        ("log.jsonl:6", Reason.BROKEN),
        ("log.jsonl:7", Reason.BROKEN),
        ("log.jsonl:8", Reason.BROKEN),
    ]


def test_a_row_beyond_the_limit_is_passed_over_without_being_held(tmp_path, monkeypatch):
    monkeypatch.setattr("routewright.data.logs.source.MAX_ROW_BYTES", 1000)
    long = {"messages": [{"role": "user", "content": "x" * 5000}]}
    found = read(write(tmp_path / "log.jsonl", [CHAT, long, CHAT]))
    assert [type(entry) for entry in found] == [Logged, Dropped, Logged]
    assert (found[1].place, found[1].reason) == ("log.jsonl:2", Reason.TOO_LARGE)
    assert found[2].place == "log.jsonl:3"


def test_a_packed_log_that_was_cut_off_gives_what_is_whole(tmp_path):
    path = tmp_path / "log.jsonl.gz"
    rows = [CHAT | {"user": f"{n:064x}"} for n in range(2000)]
    packed = gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode())
    path.write_bytes(packed)
    assert len(read(path)) == 2000
    path.write_bytes(packed[: len(packed) // 2])
    found = read(path)
    assert len(found) > 100
    assert (found[-1].reason, found[-1].note) == (Reason.BROKEN, "the packed file ends early")


def test_json_lists_and_pretty_printed_objects_are_read(tmp_path):
    path = tmp_path / "log.json"
    path.write_text(json.dumps([CHAT, 3, CHAT], indent=2))
    found = read(path)
    assert [entry.place for entry in found] == [f"log.json record {n}" for n in (1, 2, 3)]
    assert reason(found[1]) is Reason.BROKEN
    path.write_text(json.dumps({"data": [CHAT, CHAT]}, indent=2))
    assert len(read(path)) == 2
    path.write_text(json.dumps([CHAT], indent=2)[:-3])
    with pytest.raises(DataError, match=r"log\.json: not whole JSON"):
        read(path)


# LiteLLM

SPEND = {
    "request_id": "chatcmpl-1",
    "call_type": "acompletion",
    "spend": 0.00125,
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "startTime": "2026-01-01 10:00:00",
    "completionStartTime": "2026-01-01 10:00:00.500000",
    "endTime": "2026-01-01 10:00:02",
    "model": "openai/gpt-4o-2024-08-06",
    "model_group": "gpt-4o",
    "cache_hit": "False",
    "session_id": "s1",
    "status": "success",
    "messages": {},
    "response": DONE,
    "proxy_server_request": CHAT | {"max_tokens": 9},
}


def assert_spend(entry):
    assert turns(entry) == [("user", "What is two?")]
    (said,) = entry.answers
    assert (said.model, said.text, said.usage) == ("gpt-4o", "2", USAGE)
    assert (said.cost_usd, said.latency_s, said.first_token_s) == (0.00125, 2.0, 0.5)
    assert (entry.max_tokens, entry.group, entry.time) == (9, "s1", "2026-01-01T10:00:00")


def test_a_spend_log_is_read_from_json(tmp_path):
    assert_spend(one(write(tmp_path / "spend.jsonl", [SPEND])))


def test_a_spend_log_is_read_from_csv_and_parquet(tmp_path):
    flat = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in SPEND.items()}
    pl.DataFrame([flat]).write_csv(tmp_path / "spend.csv")
    pl.DataFrame([flat]).write_parquet(tmp_path / "spend.parquet")
    assert_spend(one(tmp_path / "spend.csv"))
    assert_spend(one(tmp_path / "spend.parquet"))


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ({"status": "failure"}, [Reason.NO_ANSWER]),
        ({"cache_hit": "True"}, [Reason.FROM_CACHE]),
        ({"response": {}}, []),
    ],
)
def test_an_answer_that_a_spend_log_does_not_hold_leaves_the_prompt(tmp_path, change, lost):
    entry = logged(one(write(tmp_path / "spend.jsonl", [SPEND | change])))
    assert entry.answers == ()
    assert [one.reason for one in entry.lost] == lost


def test_spend_without_prompts_says_which_setting_keeps_them(tmp_path):
    row = SPEND | {"proxy_server_request": {}, "messages": {}}
    found = read(write(tmp_path / "spend.jsonl", [row, SPEND | {"call_type": "aembedding"}]))
    assert "store_prompts_in_spend_logs" in found[0].note
    assert reason(found[1]) is Reason.NO_CALL


def test_a_price_that_the_proxy_did_not_know_is_no_price(tmp_path):
    (said,) = logged(one(write(tmp_path / "spend.jsonl", [SPEND | {"spend": 0.0}]))).answers
    assert said.cost_usd is None


# Langfuse

GENERATION = {
    "id": "o1",
    "traceId": "t1",
    "type": "GENERATION",
    "startTime": "2026-01-01T10:00:00.000Z",
    "completionStartTime": "2026-01-01T10:00:00.250Z",
    "endTime": "2026-01-01T10:00:01.000Z",
    "model": "gpt-4o",
    "modelParameters": {"max_tokens": 9},
    "input": CHAT["messages"],
    "output": {"role": "assistant", "content": "2"},
    "usageDetails": {
        "input": 6,
        "input_cached_tokens": 4,
        "output": 2,
        "output_reasoning_tokens": 3,
        "total": 15,
    },
    "calculatedTotalCost": 0.002,
}
BLOB = {
    "id": "o1",
    "trace_id": "t1",
    "project_id": "p",
    "type": "GENERATION",
    "start_time": "2026-01-01 10:00:00.000000",
    "end_time": "2026-01-01 10:00:01.000000",
    "completion_start_time": "2026-01-01 10:00:00.250000",
    "provided_model_name": "gpt-4o",
    "model_parameters": '{"max_tokens":9}',
    "input": json.dumps(CHAT["messages"]),
    "output": json.dumps(GENERATION["output"]),
    "usage_details": GENERATION["usageDetails"],
    "total_cost": 0.002,
    "level": "DEFAULT",
}


def assert_generation(entry):
    assert turns(entry) == [("user", "What is two?")]
    (said,) = entry.answers
    assert (said.model, said.text, said.usage) == ("gpt-4o", "2", USAGE)
    assert (said.cost_usd, said.latency_s, said.first_token_s) == (0.002, 1.0, 0.25)
    assert (entry.max_tokens, entry.group) == (9, "t1")


def test_langfuse_generations_are_read_in_both_spellings(tmp_path):
    assert_generation(one(write(tmp_path / "a.jsonl", [GENERATION])))
    assert_generation(one(write(tmp_path / "b.jsonl", [BLOB])))
    flat = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in BLOB.items()}
    with (tmp_path / "c.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, flat)
        writer.writeheader()
        writer.writerow(flat)
    assert_generation(one(tmp_path / "c.csv"))


def test_a_langfuse_trace_is_read_through_its_observations(tmp_path):
    trace = {"id": "t1", "sessionId": None, "input": "x", "output": "y"}
    span = GENERATION | {"type": "SPAN"}
    whole = trace | {"observations": [span, GENERATION]}
    skipped, generation, alone = read(write(tmp_path / "t.jsonl", [whole, trace]))
    assert reason(skipped) is Reason.NO_CALL
    assert_generation(generation)
    assert turns(alone) == [("user", "x")]
    assert [lost.reason for lost in alone.lost] == [Reason.NO_MODEL]


def test_a_failed_generation_leaves_its_prompt(tmp_path):
    entry = logged(one(write(tmp_path / "a.jsonl", [GENERATION | {"level": "ERROR"}])))
    assert [lost.reason for lost in entry.lost] == [Reason.NO_ANSWER]


# OpenTelemetry: files that instrumentations wrote; see fixtures/logs/make_otel.py


@pytest.mark.parametrize("name", ["events", "indexed", "messages"])
def test_spans_of_every_convention_give_the_same_calls(name):
    found = read(FIXTURES / f"otel_{name}.jsonl")
    assert [turns(entry) for entry in found] == [
        [("system", "Answer in one word."), ("user", question)]
        for question in ("Which city is the capital of France?", "And of Germany?")
    ]
    for entry, text in zip(found, ("Paris.", "Berlin."), strict=True):
        (said,) = entry.answers
        assert (said.model, said.text, said.finish_reason) == ("gpt-4o-mini", text, "stop")
        assert said.usage == Usage(10, 5)
        assert 0 < said.latency_s < 10
        assert entry.max_tokens == 32
        assert entry.time.startswith("2026-11-26T")


def test_spans_without_content_say_so():
    for entry in read(FIXTURES / "otel_no_content.jsonl"):
        assert reason(entry) is Reason.NO_CONVERSATION
        assert "not recorded" in entry.note


def otlp(attributes, events=(), **more):
    def listed(values):
        return [{"key": k, "value": {"stringValue": v}} for k, v in values.items()]

    span = {
        "traceId": "t",
        "spanId": "s",
        "attributes": listed(attributes),
        "events": [{"name": n, "attributes": listed(a)} for n, a in events],
        **more,
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def test_the_content_events_of_1_27_are_read(tmp_path):
    prompt = ("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps(CHAT["messages"])})
    said = [{"role": "assistant", "content": "2", "finish_reason": "stop"}]
    completion = ("gen_ai.content.completion", {"gen_ai.completion": json.dumps(said)})
    row = otlp({"gen_ai.request.model": "m"}, [prompt, completion])
    entry = one(write(tmp_path / "o.jsonl", [row]))
    assert turns(entry) == [("user", "What is two?")]
    assert [(said.model, said.text) for said in entry.answers] == [("m", "2")]


def test_details_on_an_event_are_read_with_system_instructions(tmp_path):
    details = {
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "S"}]),
        "gen_ai.input.messages": json.dumps(
            [{"role": "user", "parts": [{"type": "text", "content": "What is two?"}]}]
        ),
        "gen_ai.output.messages": json.dumps(
            [{"role": "assistant", "parts": [{"type": "tool_call", "name": "f"}]}]
        ),
    }
    name = "gen_ai.client.inference.operation.details"
    entry = one(
        write(tmp_path / "o.jsonl", [otlp({"gen_ai.request.model": "m"}, [(name, details)])])
    )
    assert turns(entry) == [("system", "S"), ("user", "What is two?")]
    assert [lost.reason for lost in entry.lost] == [Reason.NOT_PLAIN]


def test_spans_that_are_no_calls_or_failed_are_told(tmp_path):
    asked = {"gen_ai.input.messages": json.dumps(CHAT["messages"])}
    rows = [
        otlp({"http.method": "GET"}),
        otlp(asked | {"gen_ai.operation.name": "execute_tool"}),
        otlp(asked, status={"code": 2}),
    ]
    plain, tool, failed = read(write(tmp_path / "o.jsonl", rows))
    assert reason(plain) is reason(tool) is Reason.NO_CALL
    assert [lost.reason for lost in logged(failed).lost] == [Reason.NO_ANSWER]


# The llm tool: databases that it wrote; see fixtures/logs/make_llm.py


@pytest.mark.parametrize("name", ["llm_0_27", "llm_0_36"])
def test_both_schemas_of_the_llm_tool_give_the_same_calls(tmp_path, name):
    with sqlite3.connect(tmp_path / "logs.db") as db:
        db.executescript((FIXTURES / f"{name}.sql").read_text())
    db.close()
    first, second, third, image = read(tmp_path / "logs.db")
    assert turns(first) == [("system", "Be brief."), ("user", "What is two?")]
    assert turns(second) == [("user", "First question")]
    assert turns(third) == [
        ("user", "First question"),
        ("assistant", "You said: First question"),
        ("user", "A fragment.\nSecond question"),
    ]
    assert second.group == third.group != ""
    (said,) = third.answers
    assert said.text == "You said: A fragment.\nSecond question"
    assert (said.model, said.usage, said.cost_usd) == ("parrot", Usage(7, 3, 2), None)
    assert reason(image) is Reason.MEDIA


def test_another_database_is_one_clear_error(tmp_path):
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.execute("create table t (a)")
    db.close()
    with pytest.raises(DataError, match="no log of the llm tool"):
        read(tmp_path / "x.db")
    (tmp_path / "x.db").write_bytes((tmp_path / "x.db").read_bytes()[:3000])
    with pytest.raises(DataError, match=r"x\.db: the database can't be read"):
        read(tmp_path / "x.db")


# Tables and texts


def test_a_table_is_read_by_its_usual_columns(tmp_path):
    (tmp_path / "t.csv").write_text(
        'prompt_id;question;answer;task\r\na;"What; is\r\ntwo?";2;maths\r\nb;;;\r\n'
    )
    first, empty = read(tmp_path / "t.csv")
    assert turns(first) == [("user", "What; is\r\ntwo?")]
    assert (first.prompt_id, first.task, first.answers, first.lost) == ("a", "maths", (), ())
    assert (empty.place, empty.reason) == ("t.csv:4", Reason.EMPTY)


def test_a_table_with_answers_and_turns_is_read(tmp_path):
    row = {
        "messages": [{"role": "user", "content": "What is two?"}],
        "model": "m",
        "response": "2",
        "cost_usd": 0.5,
        "latency_s": 2.0,
        "input_tokens": 10,
        "output_tokens": 5,
    }
    pl.DataFrame([row]).write_parquet(tmp_path / "t.parquet")
    (said,) = one(tmp_path / "t.parquet").answers
    assert (said.model, said.text, said.cost_usd, said.latency_s) == ("m", "2", 0.5, 2.0)
    assert said.usage == Usage(10, 5)


def test_the_prompt_column_can_be_named(tmp_path):
    (tmp_path / "t.csv").write_text("id,body\n1,What is two?\n")
    assert turns(one(tmp_path / "t.csv", "csv", "body")) == [("user", "What is two?")]
    with pytest.raises(DataError, match=r"--column \(body, id\)"):
        read(tmp_path / "t.csv", "csv")
    with pytest.raises(DataError, match="did you mean 'body'"):
        read(tmp_path / "t.csv", "csv", "bod")


def test_damaged_rows_of_a_csv_are_dropped_with_their_line(tmp_path):
    (tmp_path / "t.csv").write_bytes(
        b'\xef\xbb\xbfprompt,x\ngood,1\nshort\nb\xffd,1\nn\0l,1\n"q"x,1\ngood too,2\n'
    )
    found = read(tmp_path / "t.csv")
    assert turns(found[0]) == [("user", "good")]
    assert turns(found[-1]) == [("user", "good too")]
    assert [(one.place, one.reason) for one in found[1:-1]] == [
        ("t.csv:3", Reason.BROKEN),
        ("t.csv:4", Reason.ENCODING),
        ("t.csv:5", Reason.BINARY),
        ("t.csv:6", Reason.BROKEN),
    ]


def test_a_text_is_a_prompt_a_line_or_a_block(tmp_path):
    (tmp_path / "t.txt").write_bytes("\ufeffOne\r\n\r\nTwo\n".encode())
    assert [turns(entry)[0][1] for entry in read(tmp_path / "t.txt")] == ["One", "Two"]
    (tmp_path / "p.txt").write_text("One\nmore\n\n\nTwo\nmore\n")
    found = read(tmp_path / "p.txt")
    assert [(turns(entry)[0][1], entry.place) for entry in found] == [
        ("One\nmore", "p.txt:1"),
        ("Two\nmore", "p.txt:5"),
    ]


# The wrong file


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is binary"),
        ("a,b".encode("utf-16"), "UTF-16"),
        (b'{"a": 1}\n', "say which of"),
        (b"PAR1 and nothing", "not a whole Parquet file"),
    ],
)
def test_a_file_that_is_no_log_is_one_clear_error(tmp_path, content, words):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_an_unknown_format_names_the_near_one():
    with pytest.raises(ConfigError, match="did you mean 'langfuse'"):
        log_format("langfuze")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "content", [b"\x00\x01\xff" * 50, b"{", b'{"a":' * 99, b"\xff\xfe\xfd", b"\n"]
)
def test_no_format_crashes_on_garbage(tmp_path, name, content):
    path = tmp_path / "garbage"
    path.write_bytes(content)
    try:
        found = list(log_format(name).read(Source(path)))
    except DataError:
        return
    assert name in ("text", "paragraphs") or all(isinstance(entry, Dropped) for entry in found)
