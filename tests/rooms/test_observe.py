"""What the log says of an exception: what it is and where it was raised, never what it quotes."""

import json
import subprocess
import sys

_SCRIPT = """
import logging
import asyncio, logging, structlog
from pydantic import BaseModel
from hub.faults import Unavailable
from hub.observe import configure_logs

class Row(BaseModel):
    name: int

def broken(name):
    try:
        Row.model_validate({"name": name})
    except ValueError as error:
        raise KeyError(name) from error

configure_logs("json")
for number, log in enumerate((structlog.get_logger("x").exception, logging.getLogger("y").exception)):
    try:
        broken("the patient's name")
    except KeyError:
        log("it broke")
try:
    raise Unavailable("postgres", "the pool is empty")
except Unavailable as error:
    structlog.get_logger("x").error("held", exc_info=error)
try:
    raise ExceptionGroup("the patient's name", [ValueError("the patient's name"), ConnectionRefusedError(111, "refused")])
except ExceptionGroup:
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
logging.getLogger("asyncio").error("Task exception was never retrieved: <Task exception=ValueError('the patient\\'s name')>")
logging.getLogger("uvicorn.error").info("WebSocket /ws/events?token=the patient's name")
logging.getLogger("uvicorn.access").info("GET /x?q=the patient's name")
structlog.get_logger("x").warning("a key phk_0123456789abcdef and amqp://hub:password@host/ and whsec_MfKQ9r8GKYqrTwjU")
"""


def test_an_exception_is_told_by_type_and_place_and_by_nothing_that_it_quotes() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    assert "patient" not in done.stdout + done.stderr
    assert not any(secret in done.stderr for secret in ("0123456789abcdef", "password", "MfKQ9r8"))
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines][:4] == ["it broke", "it broke", "held", "Exception in ASGI application"]
    assert len(lines) == 6
    for line in lines[:2]:
        assert "pydantic_core._pydantic_core.ValidationError" in line["exception"]
        assert line["exception"].splitlines()[-1] == "builtins.KeyError"
        assert "in broken" in line["exception"]
    assert "hub.faults.Unavailable" in lines[2]["exception"]
    assert "the pool is empty" in lines[2]["exception"]
    assert "builtins.ConnectionRefusedError: [Errno 111] refused" in lines[3]["exception"]


def test_what_ends_the_process_is_told_without_its_words() -> None:
    script = "from hub.observe import configure_logs; configure_logs('json'); raise ExceptionGroup('a', [ValueError('the patient')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = (json.loads(line) for line in done.stderr.splitlines())
    assert (line["event"], line["level"]) == ("process.broke", "critical")
    assert "ValueError" in str(line)
    assert "patient" not in done.stderr
