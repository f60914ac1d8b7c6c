"""CIDR arithmetic: which addresses a network gives to which zone. Pure.

Private subnets come first, one after another; what is left at the end holds the small public ones that only
NAT gateways stand in. A plan either fits whole or is refused with everything that is wrong with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

ZONES = {
    "ap-northeast-1": "acd",
    "ap-south-1": "abc",
    "ap-southeast-1": "abc",
    "ap-southeast-2": "abc",
    "ca-central-1": "abd",
    "eu-central-1": "abc",
    "eu-central-2": "abc",
    "eu-north-1": "abc",
    "eu-south-1": "abc",
    "eu-west-1": "abc",
    "eu-west-2": "abc",
    "eu-west-3": "abc",
    "us-east-1": "abcdef",
    "us-east-2": "abc",
    "us-west-2": "abcd",
}
"""Region to the letters of its zones. Regions whose letters differ from account to account are left out."""
LARGEST, SMALLEST = 16, 28
"""Prefix lengths that AWS takes for a VPC and for a subnet (VPC user guide)."""
RESERVED_ADDRESSES = 5
"""Addresses of each subnet that AWS keeps for itself."""
PRIVATE_RANGES = tuple(
    IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
"""Ranges that are nobody's on the internet (RFC 1918, RFC 6598)."""


@dataclass(frozen=True, kw_only=True)
class Zone:
    """The part of a network that lies in one zone.

    Args:
        name: Name of the zone, such as ``eu-central-1a``.
        letter: Its last letter, for names.
        private_cidr: Addresses of pods, nodes and endpoints.
        public_cidr: Addresses of NAT gateways; None when the zone has none.
    """

    name: str
    letter: str
    private_cidr: str
    public_cidr: str | None


def problems(
    *,
    cidr: str,
    region: str,
    zones: int,
    private_prefix: int,
    public_prefix: int,
    public_subnets: int,
    apart_from: Sequence[str],
) -> list[str]:
    """Return everything that is wrong with a network, each as a sentence; empty when it can be built.

    Args:
        cidr: Addresses of the whole network.
        region: Region of the zones.
        zones: Number of zones.
        private_prefix: Prefix length of each private subnet.
        public_prefix: Prefix length of each public subnet.
        public_subnets: Number of public subnets, in the first zones.
        apart_from: Networks with which it must not overlap.
    """
    network = _network(cidr)
    found = _zone_problems(region, zones, public_subnets)
    if network is None:
        return [*found, f"{cidr!r} is not a network such as 10.0.0.0/16 (address and prefix, host bits zero)"]
    found += _size_problems(
        network, {"private": private_prefix} | ({"public": public_prefix} if public_subnets else {})
    )
    if not any(network.subnet_of(private) for private in PRIVATE_RANGES):
        found.append(f"{cidr} is not a private range (RFC 1918 or RFC 6598)")
    if not found and _end(network, zones, private_prefix, public_subnets, public_prefix) > _last(network):
        wanted = zones * 2 ** (32 - private_prefix) + public_subnets * 2 ** (32 - public_prefix)
        found.append(
            f"{zones} private /{private_prefix} and {public_subnets} public /{public_prefix} subnets need "
            f"{wanted} addresses and their alignment, {cidr} has {network.num_addresses}"
        )
    return found + _overlaps(network, apart_from)


def unknown_region(region: str) -> str:
    """Say that nobody here knows the zones of a region."""
    return f"the zones of region {region} are not known; known are {', '.join(ZONES)}"


def _zone_problems(region: str, zones: int, public_subnets: int) -> list[str]:
    letters = ZONES.get(region)
    found = []
    if letters is None:
        found.append(unknown_region(region))
    elif zones > len(letters):
        found.append(
            f"region {region} has {len(letters)} zones ({', '.join(letters)}), {zones} are asked for"
        )
    if public_subnets > zones:
        found.append(f"{public_subnets} public subnets do not fit into {zones} zones")
    return found


def _size_problems(network: IPv4Network, prefixes: Mapping[str, int]) -> list[str]:
    own = network.prefixlen
    found = []
    if not LARGEST <= own <= SMALLEST:
        found.append(f"a VPC has a prefix of /{LARGEST} to /{SMALLEST}, {network} has /{own}")
    found += [
        f"a {kind} subnet of /{prefix} is not between the network's /{own} and /{SMALLEST}"
        for kind, prefix in prefixes.items()
        if not max(own, LARGEST) <= prefix <= SMALLEST
    ]
    return found


def _overlaps(network: IPv4Network, others: Sequence[str]) -> list[str]:
    found = []
    for other in others:
        theirs = _network(other)
        if theirs is None:
            found.append(f"{other!r} is not a network such as 10.1.0.0/16")
        elif theirs.overlaps(network):
            found.append(f"{network} overlaps with {other}")
    return found


def plan(
    *, cidr: str, region: str, zones: int, private_prefix: int, public_prefix: int, public_subnets: int
) -> list[Zone]:
    """Return the zones of a network with their addresses.

    Raises:
        ValueError: It cannot be built; holds all of :func:`problems`.
    """
    wrong = problems(
        cidr=cidr,
        region=region,
        zones=zones,
        private_prefix=private_prefix,
        public_prefix=public_prefix,
        public_subnets=public_subnets,
        apart_from=(),
    )
    if wrong:
        raise ValueError("; ".join(wrong))
    start = int(IPv4Network(cidr).network_address)
    private = _row(start, private_prefix, zones)
    public = _row(_aligned(start + zones * 2 ** (32 - private_prefix), public_prefix), public_prefix, zones)
    return [
        Zone(
            name=f"{region}{letter}",
            letter=letter,
            private_cidr=private[number],
            public_cidr=public[number] if number < public_subnets else None,
        )
        for number, letter in enumerate(ZONES[region][:zones])
    ]


def _network(text: str) -> IPv4Network | None:
    try:
        return IPv4Network(text) if "/" in text else None
    except ValueError:
        return None


def _aligned(address: int, prefix: int) -> int:
    """Return the first address at or after this one at which a network of that size may begin."""
    size: int = 2 ** (32 - prefix)
    return -(-address // size) * size


def _row(start: int, prefix: int, count: int) -> list[str]:
    return [str(IPv4Network((start + number * 2 ** (32 - prefix), prefix))) for number in range(count)]


def _end(network: IPv4Network, zones: int, private: int, public_subnets: int, public: int) -> int:
    """Return the last address that the subnets take, as a number."""
    after: int = int(network.network_address) + zones * 2 ** (32 - private)
    if public_subnets:
        after = _aligned(after, public) + public_subnets * 2 ** (32 - public)
    return after - 1


def _last(network: IPv4Network) -> int:
    return int(network.broadcast_address)
