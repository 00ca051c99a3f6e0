"""Mutated projects, thousands of them: whatever is written, it compiles or is told what is wrong, where.

    python tests/fuzzing.py [cases] [first seed] [how many of those that compile dbt parses]

A case is a small project of YAML and Python files with one to three mutations, most of which leave a
valid document so that the later stages are reached. A case fails when anything but ``SpecErrors`` is
raised, when a diagnostic has no place in a file of the project, when it takes more than ``SECONDS``
of CPU, and when anything is written outside of what compile writes. The seed makes the case again.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from fuzz_words import (
    BODIES,
    COLUMNS,
    CONFIG,
    DATABRICKS,
    EXPRESSIONS,
    KEYS,
    NUMBERS,
    OUTSIDE,
    PYTHON,
    SPECS,
    TAGS,
    TEXTS,
    Spec,
)

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mlforge_sql.errors import Diagnostic, SpecErrors, plain
from mlforge_sql.loading.load import load
from mlforge_sql.workflows.compile import compile_project, edit_warnings, write_project

SECONDS = 5
"""CPU that a case may take."""

Rng = random.Random


@dataclass
class Case:
    """One mutated project.

    Attributes:
        seed: What it is drawn from.
        config: The project file.
        specs: The YAML specs.
        python: Text of a Python file, if there is one.
        notes: What was done to it.
        patches: Edits of the text of the specs.
        name: Name of the YAML file.
    """

    seed: int
    config: Spec
    specs: Spec
    python: str | None = None
    notes: list[str] = field(default_factory=list)
    patches: list[Callable[[str], str]] = field(default_factory=list)
    name: str = "spec.yml"


def draw(seed: int) -> Case:
    """The case of a seed."""
    rng = random.Random(seed)
    case = Case(seed, _copy(CONFIG), _copy(SPECS))
    if rng.random() < 0.25:
        case.config["profiles"]["lake"] = _copy(DATABRICKS)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        mutation = rng.choices(*zip(*MUTATIONS, strict=True))[0]
        case.notes.append(mutation.__name__)
        with contextlib.suppress(TypeError, KeyError, IndexError, AttributeError, ValueError):
            mutation(case, rng)  # an earlier one may have left nothing to change
    return case


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with every key or index in it."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def _value(rng: Rng) -> Any:
    kind = rng.randrange(6)
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind == 1:
        return rng.choice([True, False, None, [], {}, [None], {"a": 1}, [[]], ["a", "a"]])
    if kind == 2:
        deep: Any = "x"
        for _ in range(rng.choice([3, 40, 400])):
            deep = [deep] if rng.random() < 0.5 else {"a": deep}
        return deep
    return rng.choice(TEXTS if kind < 5 else EXPRESSIONS)


# Mutations that leave a valid document as a rule


def expression(case: Case, rng: Rng) -> None:
    """SQL where SQL belongs."""
    text = rng.choice(EXPRESSIONS)
    feature = case.specs["features"][rng.randrange(2)]
    place = rng.randrange(4)
    if place == 0:
        case.specs["sources"][0]["where"] = text
    elif place == 1 or "select" not in feature:
        feature["where"] = text
    elif place == 2:
        feature["select"][rng.choice(["x", "kind", "X y", "select"])] = text
    else:
        feature["select"] = {f"c{number}": text for number in range(rng.choice([1, 5, 40]))}


def texts(case: Case, rng: Rng) -> None:
    """Any text where only people read it, or where it becomes a literal."""
    text = rng.choice(TEXTS)
    feature = case.specs["features"][0]
    edits: list[Callable[[], Any]] = [
        lambda: feature.update(description=text),
        lambda: feature.update(tags=[text, "b"]),
        lambda: case.specs["sources"][0].update(description=text),
        lambda: feature["validators"].update(kind=[{"is_in": [text, "a"]}]),
        lambda: feature["validators"].update(kind=[{"matches_regex": text}]),
        lambda: case.config["profiles"]["dev"].update(description=text),
        lambda: case.config["profiles"]["dev"]["offline_store"].update(path=f"store/{text}"),
    ]
    rng.choice(edits)()


def windows(case: Case, rng: Rng) -> None:
    """Other windows, intervals, delays and functions."""
    feature = case.specs["features"][0]
    names = ["sum", "mean", "count", "min", "max", "std", "variance", "count_distinct", "first"]
    durations = ["1d", "2d", "7d", "36500d", "24h", "1h", "30m", "1w", "lifetime", "99999999d"]
    many = rng.choice([1, 2, 30])
    edits: list[Callable[[], Any]] = [
        lambda: feature["metrics"][0].update(windows=rng.choices(durations, k=many)),
        lambda: feature["metrics"][0].update(aggregations={"amount": rng.choices(names, k=2)}),
        lambda: feature.update(interval=rng.choice(durations)),
        lambda: case.specs["sources"][0].update(delay=rng.choice(durations)),
        lambda: feature.update(boundary=rng.choice(["inclusive", "exclusive"])),
        lambda: feature.pop("interval"),
        lambda: feature.update(ttl=rng.choice(durations)),
        lambda: feature["metrics"][0].update(offset=rng.choice(durations)),
    ]
    rng.choice(edits)()


def more(case: Case, rng: Rng) -> None:
    """Many features, or a very long name."""
    feature = case.specs["features"][1]
    kind = rng.randrange(3)
    if kind == 0:
        for number in range(rng.choice([2, 12])):
            case.specs["features"].append({**_copy(feature), "name": f"more_{number}"})
    elif kind == 1:
        feature["name"] = "n" * rng.choice([60, 64, 200, 300])
        case.specs["training_sets"][0]["features"] = ["spend"]
    else:
        feature["select"] = {f"column_{number}": "amount" for number in range(60)}


def python(case: Case, rng: Rng) -> None:
    """A Python file that may do anything."""
    good = rng.random() < 0.5
    case.python = PYTHON.format(
        before="" if good else rng.choice(OUTSIDE),
        after="" if good else rng.choice(OUTSIDE),
        body=rng.choice(BODIES[:2] if rng.random() < 0.3 else BODIES),
        where=rng.choice(EXPRESSIONS if rng.random() < 0.5 else ["amount > 0"]),
        windows=rng.choice(
            ["['2h']", "['1h', '3h']", "'1h'", "[3]", "None"] if not good else ["['2h']"]
        ),
        functions=rng.choice(["['sum']", "['sum', 'max']"]),
    )


def anchors(case: Case, rng: Rng) -> None:
    """Parts that are written once and used twice."""
    shared = case.specs["features"][0]["metrics"]
    copy = {**_copy(case.specs["features"][0]), "name": "again", "metrics": shared}
    case.specs["features"].append(copy)
    if rng.random() < 0.3:
        case.patches.append(lambda text: f"x: &x [{'a, ' * 30}b]\n" + text)


def file_name(case: Case, rng: Rng) -> None:
    """A spec file with a strange name."""
    case.name = rng.choice(
        [
            *("a\nb.yml", "a b.yml", "é.yml", "{{ x }}.yml", "\x1b[31m.yml", "a'b.yml", "--.yml"),
            *("Do not edit..yml", "a as b (0).yml", "#}.yml", "\u2028.yml", "\r.yml", "%s.yml"),
        ]
    )


def order(case: Case, rng: Rng) -> None:
    """Sections and keys in another order."""
    items = list(case.specs.items())
    rng.shuffle(items)
    case.specs = dict(items)


# Mutations that rarely do


def values(case: Case, rng: Rng) -> None:
    """Another value anywhere."""
    where = case.config if rng.random() < 0.2 else case.specs
    container, key = rng.choice(list(_places(where)))
    container[key] = _value(rng)


def keys(case: Case, rng: Rng) -> None:
    """Another key, one more, or one less."""
    where = case.config if rng.random() < 0.2 else case.specs
    places = [item for item in _places(where) if isinstance(item[0], dict)]
    container, key = rng.choice(places)
    kind = rng.randrange(3)
    if kind == 0:
        container.pop(key, None)
    elif kind == 1:
        container[rng.choice(KEYS)] = _value(rng)
    elif key in container:
        container[rng.choice(KEYS)] = container.pop(key)


def swapped(case: Case, rng: Rng) -> None:
    """Two values in each other's place."""
    places = list(_places(case.specs))
    (one, first), (two, second) = rng.choice(places), rng.choice(places)
    with contextlib.suppress(KeyError, IndexError):
        one[first], two[second] = _copy(two[second]), _copy(one[first])


def tags(case: Case, rng: Rng) -> None:
    """A value as only YAML can write it."""
    tag = rng.choice(TAGS)
    number = rng.randrange(30)

    def patch(text: str) -> str:
        lines = text.split("\n")
        fit = [index for index, line in enumerate(lines) if ": " in line]
        index = fit[number % len(fit)]
        lines[index] = f"{lines[index].split(': ')[0]}: {tag}"
        return "\n".join(lines)

    case.patches.append(patch)


def broken(case: Case, rng: Rng) -> None:
    """A character anywhere in the text."""
    char = rng.choice(
        ["\0", "\x07", "\x1b", "\t", "\x85", "\u2028", "\ufeff", "{", "'", "&a", "*a", "%"]
    )
    share = rng.random()
    case.patches.append(
        lambda text: text[: int(len(text) * share)] + char + text[int(len(text) * share) :]
    )


def cut(case: Case, rng: Rng) -> None:
    """A file that ends too early."""
    share = rng.random()
    case.patches.append(lambda text: text[: int(len(text) * share)])


MUTATIONS: list[tuple[Callable[[Case, Rng], None], int]] = [
    *((expression, 26), (texts, 14), (windows, 18), (more, 5), (python, 13), (anchors, 4)),
    *((file_name, 4), (order, 2), (values, 8), (keys, 5), (swapped, 3), (tags, 5), (broken, 2)),
    (cut, 1),
]


# Running


@dataclass
class Outcome:
    """What became of a case.

    Attributes:
        kind: ``compiled``, ``refused late`` (past loading) or ``refused early``.
        said: Its diagnostics.
        fault: What is wrong with us, if anything.
        seconds: CPU that it took.
    """

    kind: str
    said: list[str]
    fault: str | None
    seconds: float


class TooLong(BaseException):
    """A case takes too long."""


class Workshop:
    """A folder in which one case after the other is written and compiled."""

    def __init__(self, folder: Path) -> None:
        import duckdb

        self.folder = folder
        self.root = folder / "work" / "project"
        self._data = folder / "tx.parquet"
        self._home = folder / "home"
        self._home.mkdir()
        os.environ["HOME"] = str(self._home)
        with duckdb.connect() as connection:
            connection.execute(f"create table tx ({COLUMNS})")
            connection.execute(f"copy tx to '{self._data}' (format parquet)")

    def write(self, case: Case) -> list[str]:
        """Write a case; returns the files that it consists of."""
        shutil.rmtree(self.folder / "work", ignore_errors=True)
        (self.root / "features").mkdir(parents=True)
        (self.root / "data").mkdir()
        shutil.copy(self._data, self.root / "data" / "tx.parquet")
        text = yaml.dump(case.specs, sort_keys=False, allow_unicode=True, Dumper=yaml.CSafeDumper)
        for patch in case.patches:
            text = patch(text)
        config = yaml.dump(case.config, sort_keys=False, Dumper=yaml.CSafeDumper)
        files = {"mlforge.yaml": config, f"features/{case.name}": text}
        if case.python is not None:
            files["features/coded.py"] = case.python
        for name, content in files.items():
            (self.root / name).write_bytes(content.encode("utf-8", "surrogatepass"))
        return list(files)

    def run(self, case: Case) -> Outcome:
        """Write and compile a case."""
        try:
            files = self.write(case)
        except (yaml.YAMLError, RecursionError, UnicodeEncodeError, ValueError):
            return Outcome("not written", [], None, 0.0)
        before = self._everything()
        limit, environment = sys.getrecursionlimit(), dict(os.environ)
        started = time.process_time()
        signal.signal(signal.SIGVTALRM, _too_long)
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        found: list[Diagnostic] = []
        kind, fault = "compiled", None
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                kind, found = _compile(self.root)
        except TooLong:
            fault = f"more than {SECONDS} s of CPU"
        except BaseException as error:  # noqa: BLE001 - that is what is looked for
            fault = f"{type(error).__name__}: {''.join(traceback.format_exception(error)[-3:])}"
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            sys.setrecursionlimit(limit)
            os.environ.clear()
            os.environ.update(environment)
        seconds = time.process_time() - started
        fault = fault or self._misplaced(found, files) or self._written(before, kind)
        return Outcome(kind, [plain(item) for item in found], fault, seconds)

    def _misplaced(self, found: list[Diagnostic], files: list[str]) -> str | None:
        for item in found:
            if item.location is None:
                return f"no place: {plain(item)}"
            if item.location.path not in files:
                return f"a place in none of the files: {plain(item)}"
            text = (self.root / item.location.path).read_text("utf-8", "replace")
            lines = len(text.splitlines()) + 1  # YAML ends in the line after the last
            if not 1 <= item.location.line <= lines or item.location.column < 1:
                return f"a place outside of the file: {plain(item)}"
            if any(ord(char) < 32 for char in plain(item)):
                return f"control characters: {plain(item)!r}"
        return None

    def _everything(self) -> dict[str, int]:
        return {
            path.relative_to(self.folder).as_posix(): path.stat().st_size if path.is_file() else 0
            for path in self.folder.rglob("*")
            if not path.is_relative_to(self.root / "dbt")
        }

    def _written(self, before: dict[str, int], kind: str) -> str | None:
        after = self._everything()
        more = {name for name in after if name not in before or after[name] != before[name]}
        gone = before.keys() - after.keys()
        store = "work/project/"
        extra = [name for name in more if kind != "compiled" or not name.startswith(store)]
        return f"written {extra[:3]}, gone {sorted(gone)[:3]}" if extra or gone else None


def _compile(root: Path) -> tuple[str, list[Diagnostic]]:
    try:
        compiled = compile_project(root)
        changes = write_project(compiled)
    except SpecErrors as error:
        try:
            load(root)
        except SpecErrors:
            return "refused early", list(error.diagnostics)
        return "refused late", list(error.diagnostics)
    return "compiled", [*compiled.project.warnings, *edit_warnings(compiled, changes)]


def _too_long(*_: object) -> None:
    raise TooLong


def parse(root: Path) -> str | None:
    """What dbt has against a compiled project; None when nothing."""
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--warn-error", "parse"]
    command += ["--project-dir", str(root / "dbt"), "--profiles-dir", str(root / "dbt")]
    command += ["--target", "dev", "--no-partial-parse"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    return None if run.returncode == 0 else run.stdout[-2000:]


def fuzz(
    workshop: Workshop, first: int, cases: int, parsed: int, say: Callable[[str], None]
) -> tuple[Counter[str], list[str]]:
    """Run cases; returns how many ended how, and the faults."""
    kinds: Counter[str] = Counter()
    faults: list[str] = []
    every = max(1, cases // (parsed * 4 or 1))
    slowest = 0.0
    for seed in range(first, first + cases):
        case = draw(seed)
        outcome = workshop.run(case)
        kinds[outcome.kind] += 1
        slowest = max(slowest, outcome.seconds)
        fault = outcome.fault
        turn = parsed > kinds["parsed"] and seed % every == 0
        if fault is None and outcome.kind == "compiled" and turn:
            kinds["parsed"] += 1
            fault = parse(workshop.root)
        if fault is not None:
            faults.append(f"seed {seed} ({', '.join(case.notes)}): {fault}")
            say(faults[-1])
        if seed % 250 == 249:
            say(f"{seed - first + 1} cases: {dict(kinds)}, slowest {slowest:.1f} s")
    return kinds, faults


def _main(arguments: list[str]) -> int:
    cases, first, parsed = (
        int(arguments[index]) if len(arguments) > index else default
        for index, default in enumerate((5000, random.SystemRandom().randrange(10**9), 40))
    )
    sys.stdout.write(f"seeds {first} to {first + cases - 1}\n")

    def say(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as name:
        kinds, faults = fuzz(Workshop(Path(name).resolve()), first, cases, parsed, say)
    late = kinds["compiled"] + kinds["refused late"]
    say(f"{cases} cases, {dict(kinds)}, {late / cases:.0%} past loading, {len(faults)} faults")
    return 1 if faults or late * 2 < cases else 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
