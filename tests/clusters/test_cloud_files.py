"""clusters/aws.yaml and gcp.yaml: Ray's schema, the files and scripts that they name, and what must not be in them."""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[2]
CLOUDS = ["aws", "gcp"]


def read(name: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return config


@pytest.mark.parametrize("cloud", CLOUDS)
def test_ray_accepts_the_file(cloud: str) -> None:
    prepared = prepare_config(read(f"clusters/{cloud}.yaml"))
    validate_config(prepared)
    assert prepared["available_node_types"]["head"]["max_workers"] == 0
    assert prepared["head_setup_commands"][:2] == prepared["setup_commands"]
    with pytest.raises(jsonschema.ValidationError, match="worker"):
        validate_config({**prepared, "max_worker": 3})


@pytest.mark.parametrize("cloud", CLOUDS)
def test_nodes_get_the_same_checkout_as_on_premises(cloud: str) -> None:
    config, on_premises = read(f"clusters/{cloud}.yaml"), read("ray_cluster.yaml")
    for key in ("file_mounts", "rsync_exclude", "cluster_synced_files", "worker_start_ray_commands"):
        assert config[key] == on_premises[key]
    for path in config["file_mounts"].values():
        assert (ROOT / path).exists()


@pytest.mark.parametrize("cloud", CLOUDS)
def test_scripts_that_are_called_exist(cloud: str) -> None:
    config = read(f"clusters/{cloud}.yaml")
    commands = [command for key in config if key.endswith("_commands") for command in config[key]]
    called = {script for command in commands for script in re.findall(r"~/retable/(clusters/\S+)", command)}
    assert {Path(script).name for script in called} == {"setup.sh", "head.sh", "worker.sh"}
    for script in called:
        assert os.access(ROOT / script, os.X_OK)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_head_trains_nothing_and_workers_come_from_none(cloud: str) -> None:
    types = read(f"clusters/{cloud}.yaml")["available_node_types"]
    assert types["head"]["resources"]["CPU"] == 0
    assert (types["gpu"]["min_workers"], types["gpu"]["max_workers"]) == (0, 8)


@pytest.mark.parametrize("path", sorted((ROOT / "clusters").rglob("*.*")), ids=lambda path: path.name)
def test_no_account_and_no_secret_is_in_a_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b\d{12}\b", text)  # an AWS account
    assert not re.search(r"AKIA[0-9A-Z]{16}|BEGIN [A-Z ]*PRIVATE KEY|ghp_|AIza", text)
    assert not re.search(r"://[^/\s:$]+:(?!\$\(|PASSWORD@)[^@\s/]+@", text)  # a password in a URL


@cache
def google_schema() -> dict[str, Any]:
    """Google's own description of a machine, as JSON Schema that knows no other fields."""
    pytest.importorskip(
        "googleapiclient", reason="google-api-python-client is not installed (extra `clouds`)"
    )
    from googleapiclient.discovery_cache import get_static_doc

    document = json.loads(get_static_doc("compute", "v1"))

    def translated(schema: Any) -> Any:
        if isinstance(schema, list):
            return [translated(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        kept = {
            key: (
                {name: translated(field) for name, field in value.items()}
                if key == "properties"
                else translated(value)
            )
            for key, value in schema.items()
            if key in ("type", "properties", "items", "additionalProperties", "enum", "$ref")
        }
        if "$ref" in kept:
            return {"$ref": f"#/$defs/{kept['$ref']}"}
        if "properties" in kept:
            kept["additionalProperties"] = False
        if kept.get("type") == "string" and schema.get("format") in ("int64", "uint64"):
            kept["type"] = ["string", "integer"]
        if kept.get("type") == "any":
            del kept["type"]
        return kept

    definitions: dict[str, Any] = {}
    wanted = ["Instance"]
    while wanted:
        name = wanted.pop()
        definitions[name] = translated(document["schemas"][name])
        wanted += set(re.findall(r"#/\$defs/(\w+)", json.dumps(definitions[name]))) - set(definitions)
    return {"$ref": "#/$defs/Instance", "$defs": definitions}


@pytest.mark.parametrize("node_type", ["head", "gpu"])
def test_google_knows_every_field_of_its_machines(node_type: str) -> None:
    node_config = read("clusters/gcp.yaml")["available_node_types"][node_type]["node_config"]
    jsonschema.validate(node_config, google_schema())
    with pytest.raises(jsonschema.ValidationError, match="machineTyp"):
        jsonschema.validate({**node_config, "machineTyp": "x"}, google_schema())


def test_ray_takes_googles_machines_for_compute_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(
        "googleapiclient", reason="google-api-python-client is not installed (extra `clouds`)"
    )
    from ray.autoscaler._private.gcp.config import get_node_type
    from ray.autoscaler._private.gcp.node import GCPNodeType

    for node_type in read("clusters/gcp.yaml")["available_node_types"].values():
        assert get_node_type(node_type["node_config"]) is GCPNodeType.COMPUTE
