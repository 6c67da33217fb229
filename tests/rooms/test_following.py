"""What commands hear that follow a pharmacy's events, where the connection breaks."""

import threading

from websockets.sync.server import ServerConnection, serve

from hub.cli.following import follow
from hub.cli.remote import Remote


def test_events_between_two_connections_are_not_missed() -> None:
    asked: list[str] = []

    def answer(socket: ServerConnection) -> None:
        assert socket.request is not None
        asked.append(socket.request.path)
        if len(asked) == 1:
            socket.send('{"type":"ready","sequence":41}')
            return
        socket.send('{"type":"ready","sequence":43}')
        for sequence in (42, 43):
            socket.send(f'{{"type":"event","event":{{"sequence":{sequence}}}}}')

    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            remote = Remote(f"http://127.0.0.1:{server.socket.getsockname()[1]}", {"X-API-KEY": "phk_"})
            heard = list(follow(remote, None, None, 2))
        finally:
            server.shutdown()
            thread.join()
    assert asked == ["/ws/events", "/ws/events?after=41"]
    assert heard == [(f'{{"sequence":{sequence}}}', {"sequence": sequence}) for sequence in (42, 43)]
