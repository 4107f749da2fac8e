"""Tests that no address which a registry reserves for a special purpose is taken for a public one."""

from __future__ import annotations

import csv
import socket
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest

from publisher.core.public_hosts import AddressRefused
from publisher.core.special_addresses import is_private_network, is_public, normalize_address, rate_limit_network
from publisher.webhooks.hooks import resolve_webhook_host

# The rows of IANA's two registries of special-purpose addresses, as they stood in November 2026.
# The rows were compared with what four other projects keep of them, and with netaddr's copy of IANA's list of
# IPv6 unicast assignments.
REGISTRY = Path(__file__).parents[1] / "data" / "special_purpose_addresses.csv"
TRANSLATED = "64:ff9b::/96"


def blocks() -> list[str]:
    with REGISTRY.open(encoding="ascii") as rows:
        return [row["block"] for row in csv.DictReader(rows)]


@pytest.mark.parametrize("block", [block for block in blocks() if block != TRANSLATED])
def test_no_address_of_a_registered_block_is_public(block: str) -> None:
    network = ip_network(block)
    middle = network.network_address + network.num_addresses // 2
    for address in (network.network_address, middle, network.broadcast_address):
        assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "fec0::1",
        "ff02::1",
        "224.0.0.1",
        "192.0.0.192",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:8.8.8.8",
        "::ffff:0:8.8.8.8",
        "4000::1",
        "2002:7f00:1::1",
        "2002:808:808::1",
        "2001:0:7f00:1::",
        "2a00::5efe:10.0.0.1",
        "2a00::200:5efe:192.168.0.1",
        "fe80::1%eth0",
        "fd00::1",
        "fd20:ce::254",
        "168.63.129.16",
        "64:ff9b::168.63.129.16",
        "2001:10::1",
        "3ffe::1",
        "3ffe:831f::1",
        "3000::1",
        "2d00::1",
        "2e00::1",
        "2000::1",
        "2300::1",
        "2500::1",
    ],
)
def test_what_no_registry_row_names_is_judged_too(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", [row.split("/")[0] for row in blocks() if "." in row and ":" not in row])
def test_an_address_that_carries_a_special_one_is_not_public(address: str) -> None:
    inside = int(ip_address(address))
    assert not is_public(IPv6Address(int(IPv6Address("64:ff9b::")) | inside))
    assert not is_public(IPv6Address((0x2002 << 112) | inside << 80))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "2a00:1450::1", "2620::1",
     "2001:200::1", "2003::1", "2410::1", "2630::1", "2803::1", "2a10::1", "2c0f::1",
     "64:ff9b::8.8.8.8", "223.255.255.255", "100.63.255.255", "100.128.0.0"],
)  # fmt: skip
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["fd00:ec2::254", "fd20:ce::254", "fd00:42::42", "168.63.129.16", "100.100.100.200", "169.254.169.254", "fec0::1",
     "::ffff:10.0.0.1"],
)  # fmt: skip
def test_a_machine_that_hands_out_keys_is_never_ones_own(address: str) -> None:
    assert not is_private_network(ip_address(address))


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2a00:1450:1:2:aaaa::1", "2a00:1450:1:2::/64"),
        ("2a00:1450:1:2:bbbb::9", "2a00:1450:1:2::/64"),
        ("2a00:1450:1:3::1", "2a00:1450:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("fe80::1%eth1", "fe80::/64"),
        ("", ""),
        ("no address " * 20, ("no address " * 20)[:64]),
    ],
)
def test_who_is_counted_as_one_sender(address: str, counted: str) -> None:
    assert rate_limit_network(address) == counted


def test_an_address_has_one_spelling() -> None:
    assert normalize_address("::ffff:203.0.113.7") == normalize_address("203.0.113.7") == "203.0.113.7"
    assert normalize_address("2001:0DB8::1%eth0") == "2001:db8::1"


@pytest.mark.parametrize("resolved", ["64:ff9b:1::7f00:1", "fec0::1", "192.0.0.192", "::7f00:1", "fe80::1%eth0"])
def test_a_name_that_leads_to_a_special_address_is_not_asked(resolved: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: int, *_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("8.8.8.8", resolved)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(AddressRefused, match="no public address"):
        resolve_webhook_host("https://example.org/hook", private=False)
