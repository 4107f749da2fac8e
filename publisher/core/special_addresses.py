"""Tells public IP addresses from those that are reserved for a special purpose, by a table of our own.

Python's `is_global` differs between its versions. The rows are those of IANA's registries of special-purpose
addresses, with what other standards took out of use. Anycast services of the network's own, which the
registries call reachable, are refused for links and webhooks too. So are the addresses at which
clouds give their machines keys and settings.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IPAddress = IPv4Address | IPv6Address

_IPV4_SPECIAL = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_IPV6_ALLOCATED = tuple(
    IPv6Network(block)
    for block in ("2001::/16", "2003::/16", "2400::/8", "2600::/8", "2800::/8", "2a00::/8", "2c00::/8")
)
"""The parts of 2000::/3 from which IANA gives blocks to the regional registries. The rest is special, was
returned (as 3ffe::/16), or is reserved."""
_IPV6_SPECIAL = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""A translator hands these on to the IPv4 address in their last four bytes."""
_TUNNEL_MARKS = (0x00005EFE, 0x02005EFE)
"""The third quarter of an address that names the IPv4 address of a tunnel's end in its last (ISATAP)."""

_PRIVATE = (
    IPv4Network("127.0.0.0/8"),
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("::1/128"),
    IPv6Network("fc00::/7"),
)
_CLOUD_SERVICES = (
    IPv4Network("168.63.129.16/32"),
    IPv6Network("fd00:ec2::/32"),
    IPv6Network("fd20:ce::/32"),
    IPv6Network("fd00:42::/32"),
)
"""Metadata services, which give machines in a cloud their keys: Azure, AWS, Google, Scaleway. Other such addresses
are link-local, or in other blocks that are refused."""
_RATE_LIMIT_BITS = 64
"""The prefix of an IPv6 address that one household or one machine is given."""


def is_public(address: IPAddress) -> bool:
    """Tells whether an address, and any IPv4 address that it carries inside, belongs to a public machine."""
    if isinstance(address, IPv4Address):
        return not (_is_cloud_service(address) or any(address in block for block in _IPV4_SPECIAL))
    plain = _without_zone(address)
    last = IPv4Address(int(plain) & 0xFFFFFFFF)
    if plain in _TRANSLATED:
        return is_public(last)
    if not any(plain in block for block in _IPV6_ALLOCATED) or any(plain in block for block in _IPV6_SPECIAL):
        return False
    is_tunnel = int(plain) >> 32 & 0xFFFFFFFF in _TUNNEL_MARKS
    return not is_tunnel or is_public(last)


def is_private_network(address: IPAddress) -> bool:
    """Tells whether an address is this machine's, or one of a private network."""
    plain = _without_zone(address) if isinstance(address, IPv6Address) else address
    return not _is_cloud_service(plain) and any(plain in block for block in _PRIVATE)


def _is_cloud_service(address: IPAddress) -> bool:
    return any(address in block for block in _CLOUD_SERVICES)


def normalize_address(text: str) -> str:
    """Returns an address in one spelling: an IPv4 address mapped into IPv6 as IPv4, and without a zone.

    What is no address is returned as it is, at most 64 characters of it.
    """
    address = _parse(text)
    return str(address) if address is not None else text[:64]


def rate_limit_network(text: str) -> str:
    """Returns what counts as one sender where requests are bounded by address: an IPv4 address, or an IPv6 /64.

    What is no address counts as itself, at most 64 characters of it.
    """
    address = _parse(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, _RATE_LIMIT_BITS), strict=False))
    return str(address) if address is not None else text[:64]


def _parse(text: str) -> IPAddress | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _without_zone(address: IPv6Address) -> IPv6Address:
    return IPv6Address(int(address))
