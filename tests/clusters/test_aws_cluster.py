"""clusters/aws.yaml against Ray's own launcher and an AWS that lives in this process."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private import commands, providers
from ray.autoscaler._private.resource_demand_scheduler import _default_utilization_scorer, get_nodes_for

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed (extra `clouds`)")
botocore = pytest.importorskip("botocore")
moto = pytest.importorskip("moto", reason="moto is not installed (extra `clouds`)")

CLUSTERS = Path(__file__).parents[2] / "clusters"
POLICIES = CLUSTERS / "aws"
TAGS = {"ray-node-type": "worker", "ray-node-name": "ray-retable-worker", "ray-node-status": "uninitialized"}
NAMED_BY_AWS_ITSELF = {"iam:PassRole", "ssm:GetParameters"}  # checked within RunInstances


@pytest.fixture(scope="module")
def calls() -> Iterator[list[str]]:
    """Every call that is made to AWS, as an IAM action; none leaves this process."""
    made: list[str] = []
    real = botocore.client.BaseClient._make_api_call

    def recorded(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        made.append(f"{client.meta.service_model.service_name}:{operation}")
        return real(client, operation, parameters)

    with pytest.MonkeyPatch.context() as patched, moto.mock_aws():
        patched.setattr(botocore.client.BaseClient, "_make_api_call", recorded)
        yield made


@pytest.fixture(scope="module")
def resolved(calls: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `ray up` makes of the file before it launches anything."""
    home = tmp_path_factory.mktemp("home")
    config = yaml.safe_load((CLUSTERS / "aws.yaml").read_text(encoding="utf-8"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HOME", str(home))
        for secret in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.setenv(secret, "testing")
        region = config["provider"]["region"]
        image = boto3.client("ec2", region).describe_images()["Images"][0]["ImageId"]
        for node_type in config["available_node_types"].values():
            assert node_type["node_config"]["ImageId"].startswith("resolve:ssm:/aws/service/")
            node_type["node_config"]["ImageId"] = image  # the fake AWS has no public parameters
        iam = boto3.client("iam", region)
        for role in ("retable-head", "retable-worker"):
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=(POLICIES / "trust.json").read_text())
            iam.create_instance_profile(InstanceProfileName=role)
            iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)
        return dict(commands._bootstrap_config(config, no_config_cache=True))


def allowed(policy: str) -> set[str]:
    """The actions that a policy allows."""
    actions: set[str] = set()
    for statement in json.loads((POLICIES / policy).read_text(encoding="utf-8"))["Statement"]:
        assert statement["Effect"] == "Allow"
        listed = statement["Action"]
        actions |= {listed} if isinstance(listed, str) else set(listed)
    return actions


def launched(region: str) -> list[dict[str, Any]]:
    """Machines that run, each as AWS describes it."""
    pages = boto3.client("ec2", region).describe_instances(
        Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    )
    return [machine for group in pages["Reservations"] for machine in group["Instances"]]


def provider_of(resolved: dict[str, Any]) -> Any:
    return providers._get_node_provider(resolved["provider"], resolved["cluster_name"], use_cache=False)


def test_ray_accepts_the_file_and_reads_the_machines_from_aws(resolved: dict[str, Any]) -> None:
    gpu, head = (resolved["available_node_types"][name] for name in ("gpu", "head"))
    assert {name: gpu["resources"][name] for name in ("CPU", "GPU", "accelerator_type:L4")} == {
        "CPU": 48,
        "GPU": 4,
        "accelerator_type:L4": 1,
    }
    assert head["resources"] == {"CPU": 0, "GPU": 0}
    assert (gpu["min_workers"], gpu["max_workers"], head["max_workers"]) == (0, 8, 0)
    assert gpu["node_config"]["SecurityGroupIds"] == head["node_config"]["SecurityGroupIds"]
    assert oct(Path(resolved["auth"]["ssh_private_key"]).stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize(("gpus", "machines"), [(1, 1), (4, 1), (5, 2), (32, 8), (40, 8)])
def test_workers_come_from_none_to_the_limit(resolved: dict[str, Any], gpus: int, machines: int) -> None:
    nodes, _ = get_nodes_for(
        resolved["available_node_types"],
        {"head": 1},
        "head",
        resolved["max_workers"],
        [{"CPU": 12.0, "GPU": 1.0}] * gpus,
        lambda resources, demands, node_type: _default_utilization_scorer(
            resources, demands, node_type, node_availability_summary=None
        ),
    )
    assert dict(nodes) == {"gpu": machines}


def test_workers_are_spot_machines_with_their_disk_and_role(
    resolved: dict[str, Any], calls: list[str]
) -> None:
    calls.clear()
    provider = provider_of(resolved)
    wanted = resolved["available_node_types"]["gpu"]["node_config"]
    created = provider.create_node(dict(wanted), dict(TAGS), 2)
    machines = [m for m in launched(resolved["provider"]["region"]) if m["InstanceId"] in created]
    assert len(machines) == 2
    for machine in machines:
        assert machine["InstanceLifecycle"] == "spot"
        assert machine["InstanceType"] == "g6.12xlarge"
        assert {"Key": "ray-cluster-name", "Value": "retable"} in machine["Tags"]
    volumes = boto3.client("ec2", resolved["provider"]["region"]).describe_volumes(
        Filters=[{"Name": "attachment.instance-id", "Values": sorted(created)}]
    )["Volumes"]
    assert {(v["Size"], v["VolumeType"], v["Encrypted"]) for v in volumes} == {(500, "gp3", True)}
    provider.terminate_nodes(list(created))


def test_a_refused_spot_machine_is_taken_on_demand(
    resolved: dict[str, Any], calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = botocore.client.BaseClient._make_api_call
    spot_left = 1

    def scarce(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        nonlocal spot_left
        if operation == "RunInstances" and "InstanceMarketOptions" in parameters:
            if spot_left == 0:
                error = {"Code": "InsufficientInstanceCapacity", "Message": "none left"}
                raise botocore.exceptions.ClientError({"Error": error}, operation)
            spot_left -= 1
        return recorded(client, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", scarce)
    provider = provider_of(resolved)
    created = provider.create_node(
        dict(resolved["available_node_types"]["gpu"]["node_config"]), dict(TAGS), 3
    )
    machines = [m for m in launched(resolved["provider"]["region"]) if m["InstanceId"] in created]
    assert sorted(m.get("InstanceLifecycle", "on demand") for m in machines) == [
        "on demand",
        "on demand",
        "spot",
    ]
    provider.terminate_nodes(list(created))


def test_a_machine_that_is_refused_both_ways_is_an_error(
    resolved: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = botocore.client.BaseClient._make_api_call

    def refused(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "RunInstances":
            error = {"Code": "VcpuLimitExceeded", "Message": "the quota is 0"}
            raise botocore.exceptions.ClientError({"Error": error}, operation)
        return recorded(client, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", refused)
    with pytest.raises(Exception, match="the quota is 0"):
        provider_of(resolved).create_node(
            dict(resolved["available_node_types"]["gpu"]["node_config"]), dict(TAGS), 1
        )


def test_the_heads_policy_is_what_its_autoscaler_calls(resolved: dict[str, Any], calls: list[str]) -> None:
    calls.clear()
    provider = provider_of(resolved)
    created = provider.create_node(
        dict(resolved["available_node_types"]["gpu"]["node_config"]), dict(TAGS), 1
    )
    (machine,) = created
    provider.non_terminated_nodes({})
    assert provider.is_running(machine)
    assert provider.internal_ip(machine)
    provider.set_node_tags(machine, {"ray-node-status": "up-to-date"})
    assert provider.node_tags(machine)["ray-node-status"] == "up-to-date"
    provider.terminate_nodes([machine])
    assert not [m for m in launched(resolved["provider"]["region"]) if m["InstanceId"] == machine]
    assert set(calls) == allowed("head.json") - NAMED_BY_AWS_ITSELF


def test_the_launchers_policy_is_what_ray_up_calls(
    calls: list[str], resolved: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = yaml.safe_load((CLUSTERS / "aws.yaml").read_text(encoding="utf-8"))
    config["cluster_name"] = "another"  # has no security group yet
    monkeypatch.setenv("HOME", str(tmp_path))
    for secret in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(secret, "testing")
    calls.clear()
    again = providers._get_node_provider_cls(config["provider"]).bootstrap_config(config)
    provider = provider_of(again)
    head = dict(again["available_node_types"]["head"]["node_config"])
    head["ImageId"] = resolved["available_node_types"]["head"]["node_config"]["ImageId"]
    (machine,) = provider.create_node(head, {**TAGS, "ray-node-type": "head"}, 1)
    assert provider.non_terminated_nodes({"ray-node-type": "head"}) == [machine]
    provider.set_node_tags(machine, {"ray-node-status": "up-to-date"})
    provider.terminate_nodes([machine])
    asked_for_resources = {"ec2:DescribeInstanceTypes"}  # by the fixture, which took 10 s for it
    assert set(calls) | asked_for_resources == allowed("launcher.json") - NAMED_BY_AWS_ITSELF


@pytest.mark.parametrize("policy", sorted(path.name for path in POLICIES.glob("*.json")))
def test_policies_are_valid_and_narrow(calls: list[str], policy: str) -> None:
    text = (POLICIES / policy).read_text(encoding="utf-8")
    assert not any("*" in action for action in allowed(policy))
    iam = boto3.client("iam", "us-east-1")
    if policy == "trust.json":
        iam.create_role(RoleName="trusted", AssumeRolePolicyDocument=text)
        return
    iam.create_policy(PolicyName=policy.removesuffix(".json"), PolicyDocument=text)
    for statement in json.loads(text)["Statement"]:
        if statement["Resource"] == "*":
            assert statement["Sid"].startswith("See")  # Describe* knows no resources


def test_the_roles_are_those_that_the_policies_name(resolved: dict[str, Any]) -> None:
    roles = {
        name: node_type["node_config"]["IamInstanceProfile"]["Name"]
        for name, node_type in resolved["available_node_types"].items()
    }
    assert roles == {"head": "retable-head", "gpu": "retable-worker"}
    assert "role/retable-worker" in (POLICIES / "head.json").read_text(encoding="utf-8")
    assert "role/retable-head" in (POLICIES / "launcher.json").read_text(encoding="utf-8")
    assert "s3:" not in (POLICIES / "head.json").read_text(encoding="utf-8")
    assert os.path.commonprefix(sorted(allowed("storage.json"))) == "s3:"
