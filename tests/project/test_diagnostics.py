"""What is wrong with a project is said at once, each problem at its place, and nothing is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from diagnostic_cases import CASES, Case, diagnostics, read_cases, write_data

from mlforge_sql.cli import main
from mlforge_sql.dbt.problems import missing_model
from mlforge_sql.errors import CODES, Diagnostic, SpecErrors, plain
from mlforge_sql.loading.load import find_project
from mlforge_sql.project.selection import find_profile, select_features
from mlforge_sql.spec.feature import Feature
from mlforge_sql.workflows.compile import compile_project, write_project

PACKAGE = Path(__file__).resolve().parents[2] / "mlforge_sql"
FILES = sorted(CASES.glob("*.yml"))
GOOD = "features:\n- {name: good, source: transactions, entities: merchant, select: {x: amount}}\n"

ALL = [case for file in FILES for case in read_cases(file)]
ALL_AT_ONCE = read_cases(CASES / "all_at_once.yml")[0]
ELSEWHERE = {"MF004", "MF050", "MF052", "MF053", "MF063", "MF064", "MF065", "MF092"}
ELSEWHERE |= {f"MF{number:03}" for number in (*range(75, 89), *range(95, 100))}
ELSEWHERE |= {
    "MF102",
    "MF103",
    "MF104",
    "MF110",
    "MF111",
    "MF112",
    "MF113",
    "MF118",
    "MF119",
    "MF122",
    "MF123",
    "MF124",
    "MF125",
    "MF126",
}
ELSEWHERE |= {f"MF{number}" for number in range(158, 165)}
ELSEWHERE |= {"MF133", "MF175", "MF176", "MF177", "MF178"}
ELSEWHERE |= {"MF132", "MF140", "MF141", "MF142", "MF143", "MF144", "MF145", "MF146", "MF147"}
"""Codes that no spec file leads to; tested below, and where retrieval, cli and online are."""
PROFILES = {code for code in CODES if "MF070" <= code <= "MF074"}
PROFILES |= {"MF100", "MF101", "MF128", "MF170"}
"""Codes of what profiles say, for which the project file has to be right."""


NEXT = (
    "start one with `mlforge init NAME`, go into one, or name one with --project-dir; the smallest "
    "`mlforge.yaml` is `{name: shop, profiles: {dev: {offline_store: {KIND: local, path: ./feature_store}}}}`"
)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data") / "rows.parquet")


def snapshot(root: Path) -> dict[str, bytes | None]:
    """Every file and folder below ``root``, with its bytes."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
    }


def codes(lines: list[str] | tuple[str, ...]) -> set[str]:
    return {code for line in lines for code in re.findall(r"\[(MF\d+)\]", line)}


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_every_problem_has_its_place_and_its_words(case: Case, data: Path, tmp_path: Path) -> None:
    root = case.write(tmp_path / "project", data)
    before = snapshot(root)
    assert diagnostics(root) == list(case.expect)
    assert snapshot(root) == before


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_messages_are_for_users(case: Case) -> None:
    for line in case.expect:
        assert not re.search(
            r"<class|Traceback|pydantic|sqlglot\.|TokenType|dictionary|tuple", line
        )
        assert re.match(r"[\w./]+:\d+:\d+: (error|warning)\[MF\d{3}\]: \S", line)


def test_everything_is_said_in_one_run_and_nothing_is_written(data: Path, tmp_path: Path) -> None:
    good = Case("good", {"features/good.yml": GOOD}, {}, ())
    root = good.write(tmp_path / "project", data)
    write_project(compile_project(root))
    for name, text in ALL_AT_ONCE.files.items():
        (root / name).write_text(text, encoding="utf-8")
    before = snapshot(root)
    assert "dbt/models/features/good.sql" in before

    said = diagnostics(root)

    assert said == list(ALL_AT_ONCE.expect)
    missing = set(CODES) - codes(said) - ELSEWHERE - PROFILES
    assert not missing
    places = [re.match(r"(.*?):(\d+):(\d+):", line) for line in said]
    keys = [(place[1], int(place[2]), int(place[3])) for place in places if place]
    assert keys == sorted(keys)
    assert len(keys) == len(said)
    assert len({path for path, _, _ in keys}) == len(ALL_AT_ONCE.files)
    assert snapshot(root) == before


@pytest.mark.parametrize("command", ["compile", "build", "list features"])
def test_the_command_line_has_no_traceback(command: str, data: Path, tmp_path: Path) -> None:
    root = ALL_AT_ONCE.write(tmp_path / "project", data)
    before = snapshot(root)
    result = CliRunner().invoke(main, ["--project-dir", str(root), *command.split()])
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert "MF001" in result.output
    assert snapshot(root) == before


def test_two_runs_say_the_same(data: Path, tmp_path: Path) -> None:
    root = ALL_AT_ONCE.write(tmp_path / "project", data)
    assert diagnostics(root) == diagnostics(root)


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_is_raised_and_tested(code: str) -> None:
    sources = [file for file in PACKAGE.rglob("*.py") if file.name != "errors.py"]
    assert any(f'"{code}"' in file.read_text(encoding="utf-8") for file in sources)
    tested = codes([line for case in ALL for line in case.expect])
    tests = [*Path(__file__).parents[1].rglob("test_*.py")]
    written = re.compile(rf"\[{code}\\?\]")  # in a pattern too
    assert code in tested or any(
        written.search(file.read_text(encoding="utf-8")) for file in tests
    ), code


def message(error: pytest.ExceptionInfo[SpecErrors]) -> list[str]:
    return [plain(item) for item in error.value.diagnostics]


def test_no_project(tmp_path: Path) -> None:
    with pytest.raises(SpecErrors) as error:
        find_project(tmp_path)
    assert message(error) == [
        (f"error[MF004]: no `mlforge.yaml` here or in any folder above; {NEXT}")
    ]
    with pytest.raises(SpecErrors) as error:
        compile_project(tmp_path)
    assert message(error) == [(f"error[MF004]: no `mlforge.yaml` in `{tmp_path.name}`; {NEXT}")]


def test_a_feature_that_is_gone_is_said_to_be_gone(data: Path, tmp_path: Path) -> None:
    two = GOOD + "- {name: goods, source: transactions, entities: merchant, select: {x: amount}}\n"
    sets = "training_sets:\n- {name: train, labels: transactions, features: [goods, never]}\n"
    root = Case("gone", {"features/good.yml": two}, {}, ()).write(tmp_path / "project", data)
    write_project(compile_project(root))
    (root / "features" / "good.yml").write_text(GOOD + sets, encoding="utf-8")
    assert diagnostics(root) == [
        (
            "features/good.yml:4:50: error[MF051]: unknown feature `goods`; it was there at the last "
            "compile and is gone from the specs: leave it out, or bring it back"
        ),
        "features/good.yml:4:57: error[MF051]: unknown feature `never`; expected one of: good",
    ]


def test_a_dbt_project_of_the_users_is_named_as_one(data: Path, tmp_path: Path) -> None:
    root = Case("own", {"features/good.yml": GOOD}, {}, ()).write(tmp_path / "project", data)
    write_project(compile_project(root))
    (root / "dbt" / "dbt_project.yml").write_text("name: mine\n", encoding="utf-8")
    with pytest.raises(SpecErrors) as error:
        write_project(compile_project(root))
    (line,) = message(error)
    assert line.startswith("dbt/dbt_project.yml:1:1: error[MF050]: this file is not ours")
    assert "the folder is a dbt project of yours, which stays as it is" in line


def test_a_dbt_model_that_is_not_there() -> None:
    text = "Compilation Error\n  Model 'model.w.stg_m' (models/staging/stg_m.sql) depends on a node named 'stg_x' which was not found"
    found = missing_model(text)
    assert found is not None
    said = plain(Diagnostic(found.code, found.message, hint=found.hint))
    assert said == (
        "error[MF160]: there is no dbt model `stg_x`, which models/staging/stg_m.sql reads; write it as "
        "`models/stg_x.sql` into the folder of the dbt project, which compile leaves alone, or name one "
        "that is there as `model:`"
    )
    assert missing_model("Compilation Error in model x") is None


def test_unknown_features_tags_and_profiles(data: Path, tmp_path: Path) -> None:
    feature = Feature(name="spend", source="a", entities=("b",), tags=("core",))
    with pytest.raises(SpecErrors) as error:
        select_features([feature], ["spent"], ["cor"])
    assert message(error) == [
        "error[MF051]: unknown feature `spent`; did you mean `spend`?",
        "error[MF051]: no feature has the tag `cor`; did you mean `core`?",
    ]
    root = Case("good", {"features/good.yml": GOOD}, {}, ()).write(tmp_path / "project", data)
    with pytest.raises(SpecErrors) as error:
        find_profile(compile_project(root).project.config, "de")
    assert message(error) == ["error[MF025]: unknown profile `de`; did you mean `dev`?"]


def test_deep_sql_and_yaml_are_problems_not_crashes(data: Path, tmp_path: Path) -> None:
    deep = "features:\n- {name: a, source: " + "[" * 3000 + "]" * 3000 + "}\n"
    root = Case("deep", {"features/deep.yml": deep}, {}, ()).write(tmp_path / "project", data)
    assert diagnostics(root) == [
        (
            "features/deep.yml:1:1: error[MF001]: broken YAML: values are nested too deeply; "
            "write them flat: no key of a spec is deeper than ten levels"
        )
    ]


def test_anchors_that_explode_are_problems(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlforge_sql.loading.yaml_reader.MAX_VALUES", 1000)
    lines = ["a0: &a0 [x, x]"] + [
        f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 9)}]" for number in range(1, 12)
    ]
    case = Case("anchors", {"features/bad.yml": "\n".join(lines)}, {}, ())
    said = diagnostics(case.write(tmp_path / "project", data))
    assert said == [
        (
            "features/bad.yml:1:5: error[MF001]: broken YAML: an anchor stands for too many values; "
            "write out what the anchor stands for"
        )
    ]


def test_deep_sql(data: Path, tmp_path: Path) -> None:
    deep = "(" * 3000 + "amount" + ")" * 3000
    spec = f'features:\n- {{name: a, source: transactions, entities: merchant, select: {{x: "{deep}"}}}}'
    root = Case("deep", {"features/deep.yml": spec}, {}, ()).write(tmp_path / "project", data)
    assert codes(diagnostics(root)) == {"MF040"}
