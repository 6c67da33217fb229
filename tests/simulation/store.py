"""The store of a simulated process: where its transactions begin, and everything that can happen to a commit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.simulation.database import Database, Session, away

if TYPE_CHECKING:
    from tests.simulation.process import Process


class SimulatedStore:
    """The store that a process opens; implements `consumers.store.Store`."""

    session = Session

    def __init__(self, database: Database, process: "Process") -> None:
        self.database = database
        self.process = process

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        database, world = self.database, self.database.world
        await self.process.step("begin")
        if world.now() < database.away_until:
            raise away("it does not answer")
        session = self.session(database, self.process)
        try:
            yield session
        except BaseException:
            self._abandon(session)
            raise
        await self._commit(session)

    def _abandon(self, session: Session) -> None:
        """Roll back; of a process that died the server hears in its own time, and its locks stay until then."""
        if self.process.is_alive:
            session.roll_back()
        else:
            self.process.later(self.database.world.chance.choice((0.0, 0.0, 0.05, 2.0)), session.roll_back)

    async def _commit(self, session: Session) -> None:
        world = self.database.world
        try:
            await self.process.step("commit")
        except asyncio.CancelledError:
            # The process died: its COMMIT may be on its way all the same.
            done = session.commit if world.chance.random() < 0.5 else session.roll_back
            self.process.later(world.chance.choice((0.0, 0.05, 2.0)), lambda: session.is_open and done())
            raise
        if world.happens(0.01):
            session.roll_back()
        if not session.is_open:
            raise away("the connection broke before the commit")
        session.commit()
        if world.happens(0.02):
            raise away("the connection broke after the commit")
        await self.process.step("committed")
