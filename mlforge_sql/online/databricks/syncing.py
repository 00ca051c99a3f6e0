"""Bringing online tables up to date through the workspace's API, and waiting until they are."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mlforge_sql.errors import Diagnostic, OnlineError
from mlforge_sql.online.databricks.steps import Action, Published, Step, Wanted, next_step
from mlforge_sql.online.databricks.tables import OnlineTable
from mlforge_sql.online.model import Synced, SyncOptions

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
"""Seconds between looks at a table that is under way."""

_SAY_SECONDS = 15.0
_APPEARS_SECONDS = 60.0
"""Within which a published table is there: https://github.com/databricks/databricks-sdk-py/issues/1134."""


class Api(Protocol):
    """The calls that a sync makes."""

    def find(self, name: str) -> Published | None:
        """The online table of a name; None if there is none."""

    def publish(self, wanted: Wanted, store: str) -> bool:
        """Publish a table; False when another has done so meanwhile."""

    def start(self, pipeline: str, name: str, *, full_refresh: bool) -> str | None:
        """Start an update; its id, or None when one is running already."""

    def update_state(self, pipeline: str, update: str) -> str:
        """How an update is doing."""


@dataclass
class _Running:
    """A table that has been told what to do."""

    table: OnlineTable
    step: Step
    action: str
    started: float
    pipeline: str = ""
    update: str | None = None
    """The update that was started; None where none is needed, or another is running still."""


@dataclass
class TableSync:
    """Syncs some tables, each as ``next_step`` says.

    Attributes:
        api: The workspace.
        store: Name of the online store.
        profile: Name of the profile, for messages.
        held: By feature, a test of the last dbt run that did not pass: its tables stay as they are.
        options: How to sync.
        patience: Seconds to wait in all until pipelines have brought the rows; None not to wait.
    """

    api: Api
    store: str
    profile: str
    held: Mapping[str, str]
    options: SyncOptions
    patience: float | None = None
    _until: float = field(default=0.0, init=False)

    def run(self, tables: Sequence[Sequence[OnlineTable]]) -> Iterator[Synced]:
        """Sync the tables of each feature, in their order.

        With patience, the current values of a feature are online before its later rows begin: until
        both are of one build, a value can be that of the build before.

        Args:
            tables: The tables of each feature, the current one first.
        """
        self._until = time.monotonic() + (self.patience or 0.0)
        ranks = max((len(of_feature) for of_feature in tables), default=0)
        failed: set[str] = set()
        for rank in range(ranks):
            some = [item[rank] for item in tables if len(item) > rank]
            for done in self._run([item for item in some if item.feature not in failed]):
                if done.problem is not None:
                    failed.add(done.feature)
                yield done

    def _run(self, tables: Iterable[OnlineTable]) -> Iterator[Synced]:
        running: list[_Running] = []
        for table in tables:
            started = time.monotonic()
            try:
                done = self._begin(table, started)
            except OnlineError as error:
                yield self._failed(table, started, error.diagnostics[0])
                continue
            if isinstance(done, Synced):
                yield done
            else:
                running.append(done)
        yield from self._finish(running)

    def _begin(self, table: OnlineTable, started: float) -> Synced | _Running:
        """Do what is to be done with a table; what is to be waited for."""
        test = self.held.get(table.feature)
        if test is not None:
            message = f"`{table.model}` is not published: its test `{test}` did not pass"
            hint = "correct the data and build again; `publish_when: built` does not look at tests"
            return self._failed(table, started, Diagnostic("MF104", message, hint=hint))
        found = self.api.find(table.wanted.name)
        step = next_step(found, table.wanted, full_refresh=self.options.full_refresh)
        if step.action is Action.REFUSE:
            message = f"the online table `{table.wanted.name}` {step.reason}"
            hint = f"`mlforge online delete --profile {self.profile} --features {table.feature}`"
            return self._failed(table, started, Diagnostic("MF103", message, hint=hint))
        if self.options.dry_run:
            return Synced(table.feature, _PLANNED[step.action], step.reason, table=table.model)
        if step.action is Action.PUBLISH and not self.api.publish(table.wanted, self.store):
            found = self.api.find(table.wanted.name)  # another was faster: bring our rows
            step = next_step(found, table.wanted, full_refresh=self.options.full_refresh)
        if step.action is Action.START and found is not None:
            return self._start(table, found, step, started)
        action = "published" if step.action is Action.PUBLISH else "unchanged"
        running = _Running(table, step, action, started)
        return self._done(running) if self.patience is None else running

    def _start(
        self, table: OnlineTable, found: Published, step: Step, started: float
    ) -> Synced | _Running:
        name = table.wanted.name
        update = self.api.start(found.pipeline, name, full_refresh=step.full_refresh)
        action = "running" if update is None else "updating"
        running = _Running(table, step, action, started, found.pipeline, update)
        if self.patience is not None:
            return running
        if update is None and step.full_refresh:
            message = f"an update of `{name}` is running, so its full refresh could not start"
            hint = "run it again with --wait, which waits for the running one first"
            return self._failed(table, started, Diagnostic("MF104", message, hint=hint))
        return self._done(running)

    # Waiting

    def _finish(self, running: list[_Running]) -> Iterator[Synced]:
        """Look at the tables in turns until each is online, failed, or out of time."""
        pause, told, states = _FIRST_PAUSE, time.monotonic(), dict[str, str]()
        while running:
            for item in tuple(running):
                done = self._look(item, states)
                if done is not None:
                    running.remove(item)
                    yield done
            if not running:
                return
            time.sleep(min(pause, max(0.0, self._until - time.monotonic())))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            if time.monotonic() - told > _SAY_SECONDS:
                told = time.monotonic()
                waiting = ", ".join(item.table.model for item in running)
                self.options.say(f"still waiting for {waiting}")

    def _may_appear(self, item: _Running) -> bool:
        """Whether a table was published so lately that the API may not show it yet."""
        return time.monotonic() < min(item.started + _APPEARS_SECONDS, self._until)

    def _look(self, item: _Running, states: dict[str, str]) -> Synced | None:
        """How a table is doing; None while it is under way."""
        name = item.table.wanted.name
        try:
            found = self.api.find(name)
            if found is None:
                if item.action == "published" and self._may_appear(item):
                    return None
                problem = Diagnostic("MF104", f"the online table `{name}` is gone", hint=None)
                return self._failed(item.table, item.started, problem)
            if states.get(name) != found.state:
                states[name] = found.state
                self.options.say(f"{item.table.model}: {found.state}")
            done = self._progress(item, found)
        except OnlineError as error:
            return self._failed(item.table, item.started, error.diagnostics[0])
        if done is None and time.monotonic() >= self._until:
            waited = f"within {self.patience:g} s"
            message = f"the online table `{name}` did not get ready {waited}: {found.state}"
            hint = f"it goes on by itself: see `mlforge online status --profile {self.profile}`"
            problem = Diagnostic("MF104", message, hint=hint)
            return self._failed(item.table, item.started, problem)
        return done

    def _progress(self, item: _Running, found: Published) -> Synced | None:
        """The outcome, if there is one by now."""
        if item.action == "running" and item.update is None:  # another's; ours has the new rows
            item.update = self.api.start(
                item.pipeline, item.table.wanted.name, full_refresh=item.step.full_refresh
            )
            return None
        if item.update is not None and found.mode != "CONTINUOUS":
            state = self.api.update_state(item.pipeline, item.update)
            if state in {"FAILED", "CANCELED"}:
                problem = self._why(item.table.wanted.name, found)
                return self._failed(item.table, item.started, problem)
            return self._done(item) if state == "COMPLETED" else None
        if found.failed:
            problem = self._why(item.table.wanted.name, found)
            return self._failed(item.table, item.started, problem)
        return None if found.updating else self._done(item)

    def _why(self, name: str, found: Published) -> Diagnostic:
        said = f": {found.message}" if found.message else ""
        message = f"the online table `{name}` is {found.state}{said}"
        hint = "what it had is still served" if found.state.startswith("ONLINE") else None
        return Diagnostic("MF104", message, hint=hint)

    def _done(self, item: _Running) -> Synced:
        waited = self.patience is not None
        action = "loaded" if waited and item.action != "unchanged" else item.action
        theirs = item.action == "running" and item.update is None
        reason = "an update is running" if theirs else item.step.reason
        seconds = time.monotonic() - item.started
        return Synced(item.table.feature, action, reason, seconds=seconds, table=item.table.model)

    def _failed(self, table: OnlineTable, started: float, problem: Diagnostic) -> Synced:
        return Synced(
            table.feature,
            "failed",
            problem.message,
            seconds=time.monotonic() - started,
            problem=problem,
            table=table.model,
        )


_PLANNED = {
    Action.PUBLISH: "publish",
    Action.START: "update",
    Action.NOTHING: "unchanged",
}
