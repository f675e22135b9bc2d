"""Runs argilla-server's own tests of search, listing and metrics against our engine.

    python tests/run_server_suite.py    # where argilla-local and what argilla-server tests with are

The tests are fetched from argilla-server's source distribution into a temporary folder, run unchanged, and
forgotten. What cannot apply, since it looks into Elasticsearch's own index, is listed here with its reason.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

SERVER = "argilla-server==2.8.0"
PACKAGE = Path(__file__).resolve().parent.parent

MAPPING = "reads Elasticsearch's mappings of an index; there is no index"
DOCUMENT = "reads the documents back out of Elasticsearch's index; the database holds the records themselves"
LIMIT = "tests Elasticsearch's limit on fields in a mapping, by reading the mapping"
CANNOT_APPLY = {
    "test_create_index_for_dataset": MAPPING,
    "test_create_index_for_dataset_with_fields": MAPPING,
    "test_create_metadata_property": MAPPING,
    "test_create_index_for_dataset_with_metadata_properties": MAPPING,
    "test_create_index_for_dataset_with_questions": MAPPING,
    "test_configure_metadata_property": MAPPING,
    "test_update_record_response": MAPPING,
    "test_index_records": DOCUMENT,
    "test_index_records_with_none_field_values": DOCUMENT,
    "test_index_records_with_suggestions": DOCUMENT,
    "test_index_records_with_metadata": DOCUMENT,
    "test_index_records_with_vectors": DOCUMENT,
    "test_delete_records": DOCUMENT,
    "test_delete_record_response": DOCUMENT,
    "test_annotators_limits": LIMIT,
    "test_annotator_limits_increasing_default_fields_limit": LIMIT,
}
ENGINE_TESTS = ["tests/unit/search_engine/test_commons.py"]
API = "tests/unit/api/handlers/v1"
API_TESTS = [
    f"{API}/test_list_dataset_records.py",
    f"{API}/test_metadata_properties.py",
    f"{API}/datasets/test_search_dataset_records.py",
    f"{API}/datasets/test_search_current_user_dataset_records.py",
    f"{API}/datasets/test_list_dataset_records_search_suggestions_options.py",
    f"{API}/datasets/test_get_dataset_progress.py",
    f"{API}/datasets/test_get_dataset_users_progress.py",
    f"{API}/test_datasets.py",
    f"{API}/test_records.py",
    f"{API}/test_responses.py",
    "tests/unit/contexts/search",
]


def fetch(folder: Path, python: str) -> Path:
    """The unpacked source distribution of argilla-server, fetched by the pip of `python`."""
    command = [
        python,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary",
        ":all:",
        SERVER,
    ]
    subprocess.run([*command, "--dest", str(folder)], check=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())


def point_at_our_engine(source: Path) -> None:
    """Adds our fixtures behind theirs, so that they win; no test is touched."""
    for conftest, names in (("tests/unit", "*"), ("tests/unit/search_engine", "search_engine")):
        with (source / conftest / "conftest.py").open("a") as file:
            file.write(f"\nfrom server_suite_fixtures import {names}  # noqa\n")


def run(source: Path, tests: list[str], extra: list[str]) -> int:
    deselected = [
        f"--deselect={ENGINE_TESTS[0]}::TestBaseElasticAndOpenSearchEngine::{name}" for name in CANNOT_APPLY
    ]
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("ARGILLA_")},
        "ARGILLA_HOME_PATH": str(source / "home"),
        "ARGILLA_DATABASE_URL": f"sqlite+aiosqlite:///{source}/test.db?check_same_thread=False",
        # Only a name here: it keeps the tests of engines from being skipped. The fixtures give ours.
        "ARGILLA_SEARCH_ENGINE": "elasticsearch",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": os.pathsep.join(
            [str(PACKAGE / "tests"), str(PACKAGE), str(source), os.environ.get("PYTHONPATH", "")]
        ),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:randomly", "-p", "no:cacheprovider"]
    command += ["-o", "log_cli=false", "-W", "ignore", *deselected, *extra, *tests]
    return subprocess.run(command, cwd=source, env=environment, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--source", type=Path, help="an unpacked source distribution, instead of fetching one"
    )
    parser.add_argument("--pip", default=sys.executable, metavar="PYTHON", help="a Python that has pip")
    parser.add_argument("pytest_arguments", nargs="*", help="passed on to pytest, after --")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = arguments.source or fetch(Path(folder), arguments.pip)
        point_at_our_engine(source)
        status = run(source, ENGINE_TESTS + API_TESTS, arguments.pytest_arguments)
    print("\nNot run, as they cannot apply:")
    for name, reason in CANNOT_APPLY.items():
        print(f"  {name}: {reason}")
    return status


if __name__ == "__main__":
    sys.exit(main())
