"""The process group of torch.distributed for worker groups on several hosts."""

import os
import socket
import struct
from dataclasses import dataclass
from typing import Any

import ray
from ray.train.torch import TorchConfig
from ray.train.torch.config import _TorchBackend

IFNAME = "GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"
SIOCGIFADDR = 0x8915  # Linux: the address of a network interface


@dataclass
class GroupConfig(TorchConfig):  # type: ignore[misc]  # Ray has no types
    """The config of torch's process group, over the network that connects Ray's nodes.

    By default gloo uses the address of the host's own name. That is 127.0.1.1 on Debian and undefined on many other systems,
    and other hosts can't reach it.
    """

    @property
    def backend_cls(self) -> type["GroupBackend"]:
        return GroupBackend


class GroupBackend(_TorchBackend):  # type: ignore[misc]
    """Sets the network interface on each host before the group is made."""

    def on_start(self, worker_group: Any, backend_config: GroupConfig) -> None:
        if len(set(worker_group.execute(_node))) > 1:
            worker_group.execute(choose_interface)
        super().on_start(worker_group, backend_config)


def choose_interface() -> None:
    """Use the interface of this host's Ray address, unless the user has set another."""
    name = interface_of(ray.util.get_node_ip_address())
    for variable in IFNAME:
        if name is not None:
            os.environ.setdefault(variable, name)


def interface_of(address: str) -> str | None:
    """The network interface with that IPv4 address; None if there is none, or if it is unknown."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe, SIOCGIFADDR, struct.pack("256s", name.encode()))
            except OSError:  # it has no address
                continue
            if socket.inet_ntoa(answer[20:24]) == address:
                return name
    return None


def _node() -> str:
    return str(ray.get_runtime_context().get_node_id())
