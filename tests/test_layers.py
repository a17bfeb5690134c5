"""Imports follow the data: the layers are written down in pyproject.toml."""

import subprocess
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def lint(config: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--config", str(config), "--no-cache"]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_no_module_imports_one_of_a_layer_above() -> None:
    result = lint(REPOSITORY / "pyproject.toml")
    assert result.returncode == 0, result.stdout


def test_every_part_of_the_package_has_its_layer_and_none_is_excused() -> None:
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert not any("ignore_imports" in contract for contract in contracts)
    named = {name.strip() for layer in contracts[0]["layers"] for name in layer.split("|")}
    package = REPOSITORY / "src" / "relation_gan"
    parts = [f"relation_gan.{path.stem}" for path in package.iterdir() if not path.stem.startswith("__")]
    parts += [f"relation_gan.pipelines.{path.stem}" for path in (package / "pipelines").iterdir()]
    expected = {part for part in parts if part != "relation_gan.pipelines" and "__" not in part}
    assert named == expected


def test_an_import_against_the_data_is_found(tmp_path: Path) -> None:
    # What imports most stands at the bottom here.
    config = tmp_path / "upside_down.toml"
    config.write_text(
        '[tool.importlinter]\nroot_package = "relation_gan"\n[[tool.importlinter.contracts]]\nname = "upside down"\n'
        'type = "layers"\nlayers = ["relation_gan.gan", "relation_gan.pipelines"]\n'
    )
    result = lint(config)
    assert result.returncode == 1 and "BROKEN" in result.stdout
