"""Reading code out of kernel messages, in both wire formats, and refusing what cannot be read."""

from __future__ import annotations

import hashlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enclave.hub.gateway.cells import V1, Cell, cell_in, read_message

BUFFERS = st.lists(st.binary(max_size=20), max_size=4)


def packed(kind, content):
    header, empty = json.dumps({"msg_type": kind, "msg_id": "1"}).encode(), b"{}"
    return [header, empty, empty, json.dumps(content).encode()]


def v1(kind, content, buffers=(), channel=b"shell"):
    parts = [channel, *packed(kind, content), *buffers]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + b"".join(parts)


def old_text(kind, content):
    return json.dumps({"channel": "shell", "header": {"msg_type": kind}, "content": content})


def old_binary(kind, content, buffers=()):
    parts = [old_text(kind, content).encode(), *buffers]
    offsets = [4 * (len(parts) + 1)]
    for part in parts[:-1]:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"!{len(parts) + 1}I", len(parts), *offsets) + b"".join(parts)


@given(code=st.text(max_size=300), buffers=BUFFERS)
def test_the_code_of_a_cell_is_found_in_every_wire_format(code, buffers):
    content = {"code": code, "silent": True}
    frames = [
        (v1("execute_request", content, buffers), V1),
        (v1("execute_request", content, buffers, channel=b"control"), V1),
        (old_text("execute_request", content), None),
        (old_binary("execute_request", content, buffers), None),
    ]
    for frame, protocol in frames:
        assert cell_in(read_message(frame, protocol)) == Cell("execute_request", code)


@given(frame=st.one_of(st.text(max_size=200), st.binary(max_size=200)), protocol=st.sampled_from([V1, None]))
def test_whatever_is_no_message_is_refused_and_never_crashes(frame, protocol):
    try:
        read_message(frame, protocol)
    except ValueError:
        return


@given(data=st.data())
def test_a_damaged_message_is_refused_or_still_shows_its_code(data):
    frame = bytearray(v1("execute_request", {"code": "secret()"}))
    frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = read_message(bytes(frame), V1)
    except ValueError:
        return
    if message.kind == "execute_request":
        assert cell_in(message) is not None


@pytest.mark.parametrize(
    ("kind", "content", "shown"),
    [
        ("execute_request", {"code": "", "user_expressions": {"a": "leak()"}}, "leak()"),
        ("input_reply", {"value": "exec('x')"}, "exec('x')"),
        ("debug_request", {"command": "evaluate", "arguments": {"expression": "leak()"}}, "leak()"),
        ("execute_request", {"code": ["not", "text"]}, "not"),
        ("execute_request", {}, "null"),
    ],
)
def test_code_that_comes_by_another_door_is_recorded_too(kind, content, shown):
    cell = cell_in(read_message(v1(kind, content), V1))
    assert cell is not None
    assert shown in cell.code


@pytest.mark.parametrize(
    "kind", ["kernel_info_request", "comm_info_request", "complete_request", "is_complete_request"]
)
def test_questions_are_no_cells(kind):
    assert cell_in(read_message(old_text(kind, {"code": "x"}), None)) is None


def test_a_message_in_another_encoding_than_the_kernel_reads_is_refused():
    header = json.dumps({"msg_type": "kernel_info_request"}).encode("utf-16")
    parts = [b"shell", header, b"{}", b"{}", b"{}"]
    offsets = [8 * 7]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    with pytest.raises(ValueError, match="not a kernel message"):
        read_message(struct.pack("<7Q", 6, *offsets) + b"".join(parts), V1)


def test_content_that_is_packed_as_text_is_refused():
    """The older format passes a string on unread: code could hide in it."""
    with pytest.raises(ValueError, match="not a kernel message"):
        read_message(old_text("execute_request", json.dumps({"code": "hidden()"})), None)


def test_the_facts_name_the_whole_code_by_digest_and_keep_only_so_much():
    code = "x" * 200_000
    facts = Cell("execute_request", code).facts()
    assert facts["sha256"] == hashlib.sha256(code.encode()).hexdigest()
    assert facts["chars"] == 200_000
    assert len(str(facts["code"])) == 100_000
    assert Cell("input_reply", "\ud800").facts()["kind"] == "input_reply"
