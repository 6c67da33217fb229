"""A lane narrows where calls fail, shuts when all fail, and keeps throttle and order: driven by hand, no clock."""

from dataclasses import dataclass
from uuid import UUID, uuid5

import pytest

from consumers.handouts import DELIVERIES, hand_out, read_handout
from consumers.lanes import CALLS, FAILURES, LONGEST_OPEN_SECONDS, Lane

ENDPOINT = UUID(int=1)


@dataclass(frozen=True)
class Work:
    sequence: int


def a_lane(*sequences: int, ladder: tuple[float, ...] = (5.0, 300.0), ordered: bool = False) -> Lane[Work]:
    lane: Lane[Work] = Lane(ENDPOINT, ladder=ladder, ordered=ordered)
    for sequence in sequences:
        lane.add(Work(sequence), 1)
    return lane


def begin(lane: Lane[Work], now: float = 0.0) -> Work:
    assert lane.wait(now) == 0
    return lane.begin(now, lambda _: 1)


def call(lane: Lane[Work], status: int | None, now: float = 0.0, retry_after: float | None = None) -> None:
    lane.add(Work(99), 1)
    begin(lane, now)
    lane.end(now, 0.01, status, retry_after)


def begun_at_once(lane: Lane[Work], now: float) -> int:
    count = 0
    while lane.wait(now) == 0:
        begin(lane, now)
        count += 1
    return count


def test_a_good_endpoint_widens_to_its_most_and_no_further() -> None:
    lane = a_lane()
    for _ in range(100):
        call(lane, 200)
    for sequence in range(100):
        lane.add(Work(sequence), 1)
    assert begun_at_once(lane, 0) == CALLS


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, None])
def test_each_failure_halves_what_runs_at_once(status: int | None) -> None:
    lane = a_lane()
    for _ in range(3):
        call(lane, status)
    for sequence in range(100):
        lane.add(Work(sequence), 1)
    assert begun_at_once(lane, 0) == 2


@pytest.mark.parametrize("status", [None, 429, 500, 503])
def test_ten_failures_in_a_row_open_the_circuit(status: int | None) -> None:
    lane = a_lane(1, 2, 3)
    for _ in range(FAILURES - 1):
        call(lane, status)
        assert lane.wait(0) == 0
    call(lane, status)
    assert (lane.room(0), lane.wait(0), lane.room(4.9)) == (0, 5.0, 0)


@pytest.mark.parametrize("status", [200, 301, 400, 404])
def test_whoever_answers_at_all_keeps_it_closed(status: int) -> None:
    lane = a_lane()
    for _ in range(5 * FAILURES):
        call(lane, None)
        call(lane, status)
    assert lane.room(0) > 0


def test_after_the_pause_one_call_probes_and_its_failure_doubles_the_pause_up_to_a_minute() -> None:
    lane = a_lane()
    for _ in range(FAILURES):
        call(lane, None)
    pauses, now = [], 0.0
    for _ in range(6):
        pauses.append(lane.held_until - now)
        now = lane.held_until
        assert lane.room(now) == 1
        for sequence in range(3):
            lane.add(Work(sequence), 1)
        assert begun_at_once(lane, now) == 1
        lane.clear()
        lane.end(now, 20, None, None)
    assert pauses == [5, 10, 20, 40, LONGEST_OPEN_SECONDS, LONGEST_OPEN_SECONDS]


def test_a_probe_that_succeeds_closes_the_circuit_slowly() -> None:
    lane = a_lane()
    for _ in range(FAILURES):
        call(lane, None)
    now = lane.held_until
    call(lane, 204, now)
    for sequence in range(50):
        lane.add(Work(sequence), 1)
    assert begun_at_once(lane, now) == 2


def test_a_short_ladder_has_a_short_pause() -> None:
    lane = a_lane(ladder=(0.1, 0.2))
    for _ in range(FAILURES):
        call(lane, None)
    assert lane.held_until == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("status", "asked", "pause"),
    [(429, 7, 7), (502, 7, 7), (503, 7, 7), (504, 7, 7), (503, 10**9, 3600), (502, 0, 0), (500, 7, 0), (404, 7, 0)],
)
def test_retry_after_counts_where_it_means_something_and_for_an_hour_at_most(
    status: int, asked: float, pause: float
) -> None:
    lane = a_lane()
    call(lane, status, retry_after=asked)
    assert lane.held_until == pause


def test_after_410_nobody_else_is_sent_to_it() -> None:
    lane = a_lane(1, 2, 3)
    call(lane, 410)
    assert (lane.room(0), lane.wait(0)) == (0, 10.0)


def test_a_throttle_spaces_the_calls() -> None:
    lane = a_lane(*range(10))
    lane.spacing = 0.25
    begun, now = [], 0.0
    while (delay := lane.wait(now)) is not None:
        now += delay
        if not delay:
            begin(lane, now)
            begun.append(now)
            lane.end(now, 0.01, 204, None)
    assert begun == [0.25 * step for step in range(10)]


def test_a_slow_endpoint_holds_few_deliveries_and_a_fast_one_many() -> None:
    slow, fast = a_lane(), a_lane()
    for _ in range(60):
        for lane, seconds in ((slow, 10.0), (fast, 0.005)):
            lane.add(Work(1), 1)
            begin(lane)
            lane.end(0, seconds, 204, None)
    assert slow.room(0) <= CALLS < 400 < fast.room(0)


def a_fast_lane(waiting: int, *, ordered: bool = False) -> Lane[Work]:
    lane = a_lane(ordered=ordered)
    for _ in range(60):
        lane.add(Work(1), 1)
        lane.head = 1
        begin(lane)
        lane.end(0, 0.005, 204, None)
    for sequence in range(waiting):
        lane.add(Work(sequence), 1)
    return lane


def test_a_fast_endpoint_that_dies_keeps_one_waiting_for_each_call_and_gets_no_more() -> None:
    lane = a_fast_lane(500)
    assert lane.room(10) > 400
    assert begun_at_once(lane, 10) == CALLS
    assert lane.stall(10.9, lambda _: 1) == []
    given = lane.stall(11, lambda _: 1)
    assert [work.sequence for work in given] == list(range(2 * CALLS, 500))
    assert (lane.running + len(lane.waiting), lane.size, lane.room(11)) == (2 * CALLS, CALLS, 0)
    assert lane.stall(12, lambda _: 1) == []
    lane.end(13, 3, 204, None)  # one answers: it lives
    assert lane.room(13) > 0
    assert lane.stall(13.9, lambda _: 1) == []


def test_who_answers_slowly_but_steadily_does_not_stall() -> None:
    lane = a_fast_lane(500)
    begun_at_once(lane, 10)
    for step in range(40):
        lane.end(10.9 + 0.9 * step, 5, 204, None)
        begin(lane, 10.9 + 0.9 * step)
        assert lane.stall(11.7 + 0.9 * step, lambda _: 1) == []


def test_what_waits_in_order_is_put_off_from_its_end() -> None:
    lane = a_fast_lane(60, ordered=True)
    lane.head = 0
    begin(lane, 10)
    assert [work.sequence for work in lane.stall(11, lambda _: 1)] == list(range(CALLS + 1, 60))


def test_in_order_the_next_begins_only_when_the_last_is_settled() -> None:
    lane = a_lane(3, 1, 2, ordered=True)
    assert lane.wait(0) is None  # nobody knows what is first
    lane.head = 1
    assert begin(lane).sequence == 1
    assert lane.wait(0) is None
    lane.end(0, 0.01, 500, None)
    assert lane.wait(0) is None  # what became of it is not written yet
    lane.head = 1
    assert lane.wait(0) is None  # it is to be repeated: the second waits
    lane.head = 2
    assert begin(lane).sequence == 2


@pytest.mark.parametrize(("head", "dropped"), [(2, [1]), (9, [1, 2, 5]), (1, []), (None, [1, 2, 5])])
def test_in_order_what_was_settled_while_it_waited_is_dropped(head: int | None, dropped: list[int]) -> None:
    lane = a_lane(1, 2, 5, ordered=True)
    lane.head = head
    assert [work.sequence for work in lane.drop_settled(lambda _: 1)] == dropped
    assert (lane.size, len(lane.waiting)) == (3 - len(dropped), 3 - len(dropped))


def test_what_waits_is_brought_in_order_when_order_is_asked_for() -> None:
    lane = a_lane(5, 2, 4)
    lane.keep_order(True)
    lane.head = 2
    assert begin(lane).sequence == 2
    lane.end(0, 0.01, 204, None)
    lane.keep_order(False)
    assert [begin(lane).sequence for _ in range(2)] == [4, 5]


def test_handouts_come_back_as_they_were_and_keep_endpoints_apart() -> None:
    other = UUID(int=2)
    rows = [(endpoint, uuid5(endpoint, str(n))) for n in range(120) for endpoint in (ENDPOINT, other)]
    messages = hand_out(rows, is_due=True)
    read = [handout for message in messages if (handout := read_handout(message.body)) is not None]
    assert [(one.endpoint_id, id_) for one in read for id_ in one.delivery_ids] == sorted(rows, key=lambda row: row[0])
    assert all(one.is_due and len(one.delivery_ids) <= DELIVERIES for one in read)
    assert len(messages) == 6


@pytest.mark.parametrize("body", [b"", b"x", b"\xff", b"00000000-0000-0000-0000-000000000001", b"a due\nb"])
def test_what_is_no_handout_is_none(body: bytes) -> None:
    handout = read_handout(body)
    assert handout is None or not handout.delivery_ids
