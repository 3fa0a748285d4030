"""The network interface that a worker group on several hosts talks by."""

import fcntl
import os
import socket
import struct

import pytest
import ray

from retable.cluster import process_group


def test_the_interface_of_an_address_is_found() -> None:
    assert process_group.interface_of("127.0.0.1") == "lo"
    assert process_group.interface_of("203.0.113.7") is None  # nobody's: set aside for documentation


def test_every_interface_of_this_machine_is_found_by_its_address() -> None:
    found = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe, process_group.SIOCGIFADDR, struct.pack("256s", name.encode()))
            except OSError:
                continue
            found += process_group.interface_of(socket.inet_ntoa(answer[20:24])) == name
    assert found


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: "127.0.0.1")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "eth7")
    monkeypatch.setenv("NCCL_SOCKET_IFNAME", "")
    monkeypatch.delenv("NCCL_SOCKET_IFNAME")
    process_group.choose_interface()
    assert (os.environ["GLOO_SOCKET_IFNAME"], os.environ["NCCL_SOCKET_IFNAME"]) == ("eth7", "lo")
