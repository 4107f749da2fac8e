"""Tells public addresses from those that are kept for a special purpose, by a table of our own.

Python's `is_global` differs between its versions. The rows are those of IANA's registries of special-purpose
addresses, with what other standards took out of use. Anycast services of the network's own, which the
registries call reachable, are no place for a link or a webhook either.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

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
_IPV6_UNICAST = IPv6Network("2000::/3")
"""All that is given out to networks. Whatever lies outside is special, or kept for the future."""
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

_OWN = (
    IPv4Network("127.0.0.0/8"),
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("::1/128"),
    IPv6Network("fc00::/7"),
)
_KEYS_OF_CLOUDS = IPv6Network("fd00:ec2::/32")
"""Where machines in a cloud ask for their own keys; the other such address is link-local."""


def is_public(address: IPAddress) -> bool:
    """Tells whether an address, and any IPv4 address that it carries inside, belongs to a public machine."""
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _IPV4_SPECIAL)
    plain = _without_zone(address)
    last = IPv4Address(int(plain) & 0xFFFFFFFF)
    if plain in _TRANSLATED:
        return is_public(last)
    if plain not in _IPV6_UNICAST or any(plain in block for block in _IPV6_SPECIAL):
        return False
    is_tunnel = int(plain) >> 32 & 0xFFFFFFFF in _TUNNEL_MARKS
    return not is_tunnel or is_public(last)


def is_own_network(address: IPAddress) -> bool:
    """Tells whether an address is this machine's, or one of a private network."""
    plain = _without_zone(address) if isinstance(address, IPv6Address) else address
    return plain not in _KEYS_OF_CLOUDS and any(plain in block for block in _OWN)


def _without_zone(address: IPv6Address) -> IPv6Address:
    return IPv6Address(int(address))
