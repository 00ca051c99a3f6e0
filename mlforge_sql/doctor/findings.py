"""What a check says, and what it is asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from mlforge_sql.databricks_workspace.login import Login
from mlforge_sql.errors import MlforgeError
from mlforge_sql.spec.config import Profile, ProjectConfig
from mlforge_sql.workflows.compile import Compiled

if TYPE_CHECKING:
    from databricks.sql.client import Connection


class Status(StrEnum):
    """How a check ended: a warning does not keep a build from working, a failure does."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        status: How it ended.
        detail: What was found, in one sentence or less; never a secret.
        next_step: What to do about it, unless all is well.
    """

    status: Status
    detail: str
    next_step: str | None = None


class Refused(MlforgeError):  # noqa: N818 - an answer, not a failure
    """A check cannot go on; ``finding`` says why."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        super().__init__(finding.detail)


@dataclass(frozen=True, slots=True)
class Result:
    """A check's name with what it found."""

    name: str
    status: Status
    detail: str
    next_step: str | None = None


@dataclass(slots=True)
class Patient:
    """What is examined, and what earlier checks have found out about it.

    Attributes:
        root: The project's folder.
        config: What ``mlforge.yaml`` says.
        name: Name of the profile.
        environment: The environment variables.
        opened: Closed when the examination ends.
        compiled: The project, once it has been compiled.
        login: The login, once the environment has been found complete.
        connection: The session, once one is open.
    """

    root: Path
    config: ProjectConfig
    name: str
    environment: Mapping[str, str]
    opened: ExitStack
    compiled: Compiled | None = None
    login: Login | None = None
    connection: Connection | None = field(default=None, repr=False)

    @property
    def profile(self) -> Profile:
        """The profile."""
        return self.config.profiles[self.name]


@dataclass(frozen=True, slots=True)
class Check:
    """One question about a profile.

    Attributes:
        name: A word for people and for machines.
        ask: Answers it; may raise ``Refused`` instead.
        needs: Checks that must have succeeded for the question to make sense.
    """

    name: str
    ask: Callable[[Patient], Finding]
    needs: tuple[str, ...] = ()


def ok(detail: str) -> Finding:
    """All is well."""
    return Finding(Status.OK, detail)


def warn(detail: str, next_step: str) -> Finding:
    """A build works, but somebody should know."""
    return Finding(Status.WARN, detail, next_step)


def fail(detail: str, next_step: str) -> Finding:
    """A build cannot work."""
    return Finding(Status.FAIL, detail, next_step)
