"""clusters/kuberay.yaml: the types of Kubernetes as kubectl knows them, those of KubeRay by a schema, and how they meet."""

import copy
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

CLUSTERS = Path(__file__).parents[2] / "clusters"
SCHEMA = json.loads(Path(__file__).with_name("kuberay_schema.json").read_text(encoding="utf-8"))
OBJECTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((CLUSTERS / "kuberay.yaml").read_text(encoding="utf-8"))
)
Template = dict[str, Any]


def named(kind: str, name: str) -> dict[str, Any]:
    (found,) = [o for o in OBJECTS if (o["kind"], o["metadata"]["name"]) == (kind, name)]
    return found


def templates() -> dict[str, Template]:
    """Every pod template, by whose it is."""
    cluster = named("RayCluster", "retable")["spec"]
    return {
        "head": cluster["headGroupSpec"]["template"],
        "workers": cluster["workerGroupSpecs"][0]["template"],
        "mlflow": named("Deployment", "retable-mlflow")["spec"]["template"],
        "postgres": named("StatefulSet", "retable-postgres")["spec"]["template"],
    }


def understood(thing: dict[str, Any]) -> dict[str, Any]:
    """The object after a way through kubectl's own types, which drop what they do not know. No cluster is asked."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    change = (
        [
            "set",
            "selector",
            "--local",
            "-f",
            "-",
            ",".join(f"{k}={v}" for k, v in thing["spec"]["selector"].items()),
        ]
        if thing["kind"] == "Service"
        else ["set", "env", "--local", "-f", "-", "RETABLE_CHECKED=yes"]
    )
    result = subprocess.run(
        [kubectl, "--kubeconfig=/dev/null", *change, "-o", "json"],
        input=json.dumps(thing),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    parsed: dict[str, Any] = json.loads(result.stdout)
    return parsed


def missing(given: object, kept: object, path: str = "") -> list[str]:
    """Where a value was dropped or changed on its way."""
    if isinstance(given, dict):
        assert isinstance(kept, dict), path
        return [m for key, value in given.items() for m in missing(value, kept.get(key), f"{path}.{key}")]
    if isinstance(given, list):
        kept = kept or []
        assert isinstance(kept, list), path
        by_name = {item.get("name"): item for item in kept if isinstance(item, dict)}
        return [
            m
            for place, value in enumerate(given)
            for m in missing(
                value,
                by_name.get(value["name"])
                if isinstance(value, dict) and "name" in value
                else (kept[place] if place < len(kept) else None),
                f"{path}[{place}]",
            )
        ]
    return [] if given == kept else [f"{path}: {given!r} became {kept!r}"]


def deployment(template: Template) -> dict[str, Any]:
    """A pod template as kubectl can take it."""
    labelled = copy.deepcopy(template)
    labelled.setdefault("metadata", {})["labels"] = {"app": "x"}
    spec = {"selector": {"matchLabels": {"app": "x"}}, "template": labelled}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": spec}


@pytest.mark.parametrize("whose", ["head", "workers", "mlflow", "postgres"])
def test_kubernetes_knows_every_field_of_the_pods(whose: str) -> None:
    thing = deployment(templates()[whose])
    assert missing(thing, understood(thing)) == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Service", "retable-postgres"),
        ("Service", "retable-mlflow"),
        ("StatefulSet", "retable-postgres"),
        ("Deployment", "retable-mlflow"),
    ],
)
def test_kubernetes_knows_every_field_of_the_services(kind: str, name: str) -> None:
    thing = named(kind, name)
    assert missing(thing, understood(thing)) == []


@pytest.mark.parametrize("name", ["retable-results", "retable-data"])
def test_kubernetes_knows_every_field_of_the_claims(name: str) -> None:
    claim = named("PersistentVolumeClaim", name)
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    ephemeral = {"name": "x", "ephemeral": {"volumeClaimTemplate": {"spec": claim["spec"]}}}
    thing = deployment({"spec": {"containers": [{"name": "x", "image": "x"}], "volumes": [ephemeral]}})
    assert missing(thing, understood(thing)) == []


def test_a_misspelt_field_is_found() -> None:
    wrong = deployment(templates()["workers"])
    wrong["spec"]["template"]["spec"]["containers"][0]["volumeMount"] = "x"
    wrong["spec"]["template"]["spec"]["tolerance"] = "x"
    assert missing(wrong, understood(wrong)) == [
        ".spec.template.spec.containers[0].volumeMount: 'x' became None",
        ".spec.template.spec.tolerance: 'x' became None",
    ]
    cluster = copy.deepcopy(named("RayCluster", "retable"))
    cluster["spec"]["workerGroupSpecs"][0]["maxReplica"] = 3
    with pytest.raises(jsonschema.ValidationError, match="maxReplica"):
        jsonschema.validate(cluster, SCHEMA)


@pytest.mark.parametrize(("kind", "name"), [("RayCluster", "retable"), ("RayJob", "subsampling-ablation")])
def test_kuberay_knows_every_field(kind: str, name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(named(kind, name), SCHEMA)


def test_only_the_kinds_that_are_checked_are_there() -> None:
    kinds = {o["kind"] for o in OBJECTS}
    assert kinds == {
        "PersistentVolumeClaim",
        "Service",
        "StatefulSet",
        "Deployment",
        "NetworkPolicy",
        "RayCluster",
        "RayJob",
    }


def test_no_secret_is_in_the_file() -> None:
    secrets = {}
    for whose, template in templates().items():
        for container in template["spec"]["containers"]:
            for variable in container.get("env", []):
                if re.search("PASSWORD|TOKEN|KEY|SECRET", variable["name"]):
                    secrets[whose, variable["name"]] = variable["valueFrom"]["secretKeyRef"]
                elif "@" in variable.get("value", ""):
                    assert "$(POSTGRES_PASSWORD)@" in variable["value"]
    reference = {"name": "retable-postgres", "key": "password"}
    assert secrets == {
        ("mlflow", "POSTGRES_PASSWORD"): reference,
        ("postgres", "POSTGRES_PASSWORD"): reference,
    }
    assert named("RayCluster", "retable")["spec"]["authOptions"] == {
        "mode": "token",
        "secretName": "retable-ray",
    }


def test_claims_services_and_policies_meet_the_pods() -> None:
    claims = {o["metadata"]["name"] for o in OBJECTS if o["kind"] == "PersistentVolumeClaim"}
    for template in templates().values():
        spec = template["spec"]
        volumes = {v["name"]: v for v in spec.get("volumes", [])}
        volumes |= {"data": {}} if "postgres" in str(template.get("metadata")) else {}
        for volume in volumes.values():
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims
        for container in spec["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes)
    for name, whose in (("retable-postgres", "postgres"), ("retable-mlflow", "mlflow")):
        pod, service = templates()[whose], named("Service", name)
        assert service["spec"]["selector"] == pod["metadata"]["labels"]
        policy = named("NetworkPolicy", name)["spec"]
        assert policy["podSelector"]["matchLabels"] == pod["metadata"]["labels"]
        ports = {port["port"] for port in service["spec"]["ports"]}
        assert {port["port"] for port in policy["ingress"][0]["ports"]} == ports
        assert {p["containerPort"] for p in pod["spec"]["containers"][0]["ports"]} == ports
    environment = {v["name"]: v.get("value") for v in templates()["head"]["spec"]["containers"][0]["env"]}
    assert environment["MLFLOW_TRACKING_URI"] == "http://retable-mlflow:5000"
    assert environment["RETABLE_STORAGE"] in {
        mount["mountPath"] for mount in templates()["workers"]["spec"]["containers"][0]["volumeMounts"]
    }


def test_workers_ask_for_gpus_and_the_head_for_none() -> None:
    head, workers = (templates()[name]["spec"]["containers"][0]["resources"] for name in ("head", "workers"))
    assert workers["requests"]["nvidia.com/gpu"] == workers["limits"]["nvidia.com/gpu"] == "4"
    assert "nvidia.com/gpu" not in head["limits"]
    group = named("RayCluster", "retable")["spec"]["workerGroupSpecs"][0]
    assert (group["replicas"], group["minReplicas"]) == (0, 0)


def test_versions_are_those_of_the_lock_file() -> None:
    lock = (CLUSTERS.parent / "constraints.txt").read_text(encoding="utf-8")
    ray = re.search(r"^ray==(.*)$", lock, re.MULTILINE)
    assert ray is not None
    assert named("RayCluster", "retable")["spec"]["rayVersion"] == ray[1]
    assert f"FROM rayproject/ray:{ray[1]}-py311" in (CLUSTERS / "Dockerfile").read_text(encoding="utf-8")


def test_the_job_runs_a_study_that_exists_on_that_cluster() -> None:
    job = named("RayJob", "subsampling-ablation")["spec"]
    python, study, *options = job["entrypoint"].split()
    assert python == "python"
    root = Path("/home/ray/retable")
    assert (CLUSTERS.parent / Path(study).relative_to(root)).is_file()
    assert options[options.index("--out") + 1] == "/results"
    assert job["clusterSelector"] == {"ray.io/cluster": "retable"}
