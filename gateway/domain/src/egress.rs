//! Which addresses the exchange may call. A provider's name is answered by somebody else's name server: without this
//! rule it could lead back into the machine, to a neighbour on the wire or to a cloud's metadata service, and the
//! exchange would carry what it finds there to a caller.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// A range of addresses, such as `127.0.0.0/8`, `10.1.2.3` or `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Address as 128 bits, IPv4 in its mapped form; bits behind the prefix are zero.
    base: u128,
    prefix: u32,
}

/// Not a range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address or a range such as 127.0.0.0/8, without bits behind the prefix")]
pub struct NetworkError;

impl Network {
    const fn v4(address: [u8; 4], prefix: u32) -> Self {
        let [a, b, c, d] = address;
        Self { base: Ipv4Addr::new(a, b, c, d).to_ipv6_mapped().to_bits(), prefix: prefix + 96 }
    }

    const fn v6(base: u128, prefix: u32) -> Self {
        Self { base, prefix }
    }

    /// Whether an address lies within; a mapped IPv4 address is the IPv4 address.
    pub fn contains(&self, ip: IpAddr) -> bool {
        (bits(ip) ^ self.base).leading_zeros() >= self.prefix
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let ip: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let outside = if ip.is_ipv4() { 96 } else { 0 };
        let prefix = match prefix {
            None => 128,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                outside + u32::from(digits.parse::<u8>().map_err(|_| NetworkError)?)
            }
            Some(_) => return Err(NetworkError),
        };
        let base = bits(ip);
        let is_whole = prefix <= 128 && base.trailing_zeros() >= 128 - prefix;
        if is_whole { Ok(Self { base, prefix }) } else { Err(NetworkError) }
    }
}

/// Never called unless the configuration allows it by name.
const BARRED: [Network; 12] = [
    Network::v4([0, 0, 0, 0], 8),                // this host
    Network::v4([169, 254, 0, 0], 16),           // link-local, the usual metadata service among them
    Network::v4([100, 100, 100, 200], 32),       // metadata of Alibaba Cloud
    Network::v4([168, 63, 129, 16], 32),         // wire server of Azure
    Network::v4([192, 0, 0, 192], 32),           // metadata of Oracle Cloud
    Network::v4([224, 0, 0, 0], 3),              // multicast, reserved, broadcast
    Network::v6(0, 128),                         // unspecified
    Network::v6(0xfe80 << 112, 10),              // link-local
    Network::v6(0xfec0 << 112, 10),              // site-local, deprecated
    Network::v6(0xfd00_0ec2 << 96 | 0x254, 128), // metadata of AWS
    Network::v6(0xff00 << 112, 8),               // multicast
    Network::v6(0x0100 << 112, 64),              // discard
];

/// The machine itself.
const LOOPBACK: [Network; 2] = [Network::v4([127, 0, 0, 0], 8), Network::v6(1, 128)];

/// Prefixes behind which a translator or a tunnel reaches an IPv4 address, with the place of its last bit.
const TRANSLATED: [(Network, u32); 2] = [
    (Network::v6(0x0064_ff9b << 96, 96), 0), // NAT64, RFC 6052
    (Network::v6(0x2002 << 112, 16), 80),    // 6to4, RFC 3056
];

/// What the exchange may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Egress {
    allowed: Vec<Network>,
    bars_loopback: bool,
}

impl Egress {
    /// For departments and citizens: neither the machine itself, nor link-local, metadata, multicast or reserved
    /// addresses, unless they lie in `allowed`.
    pub fn production(allowed: Vec<Network>) -> Self {
        Self { allowed, bars_loopback: true }
    }

    /// For demonstrations and tests: the same, but the machine itself may be called.
    pub fn test(allowed: Vec<Network>) -> Self {
        Self { allowed, bars_loopback: false }
    }

    /// The same for an address that stands in the gateway's own configuration, such as a witness's: no catalogue and
    /// no answer chose it, and a forwarder on this machine may lead there.
    #[must_use]
    pub fn of_operator(&self) -> Self {
        Self { bars_loopback: false, ..self.clone() }
    }

    /// Whether an address may be called.
    pub fn permits(&self, ip: IpAddr) -> bool {
        self.is_allowed(ip) || !(self.is_barred(ip) || translated(ip).is_some_and(|inner| !self.permits(inner)))
    }

    fn is_allowed(&self, ip: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(ip))
    }

    fn is_barred(&self, ip: IpAddr) -> bool {
        let of = |networks: &[Network]| networks.iter().any(|network| network.contains(ip));
        of(&BARRED) || self.bars_loopback && of(&LOOPBACK)
    }
}

/// The IPv4 address that a translated one leads to.
fn translated(ip: IpAddr) -> Option<IpAddr> {
    let (_, shift) = TRANSLATED.iter().find(|(network, _)| network.contains(ip))?;
    let inner = u32::try_from(bits(ip) >> shift & u128::from(u32::MAX)).ok()?;
    Some(Ipv4Addr::from_bits(inner).into())
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_permitted_by_environment() {
        // address, in production, in tests
        let rows = [
            ("10.1.2.3", true, true),
            ("192.168.1.1", true, true),
            ("59.1.2.3", true, true),
            ("240e::1", true, true),
            ("fd12::1", true, true),
            ("127.0.0.1", false, true),
            ("127.8.9.10", false, true),
            ("::1", false, true),
            ("::ffff:127.0.0.1", false, true),
            ("64:ff9b::7f00:1", false, true),
            ("2002:7f00:1::1", false, true),
            ("2002:a01:203::1", true, true),
            ("0.0.0.0", false, false),
            ("0.1.2.3", false, false),
            ("::", false, false),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("64:ff9b::a9fe:a9fe", false, false),
            ("100.100.100.200", false, false),
            ("fd00:ec2::254", false, false),
            ("fe80::1", false, false),
            ("febf::1", false, false),
            ("224.0.0.1", false, false),
            ("240.0.0.1", false, false),
            ("255.255.255.255", false, false),
            ("ff02::1", false, false),
        ];
        for (address, production, test) in rows {
            let ip: IpAddr = address.parse().unwrap();
            assert_eq!(Egress::production(Vec::new()).permits(ip), production, "{address} in production");
            assert_eq!(Egress::test(Vec::new()).permits(ip), test, "{address} in tests");
            assert_eq!(
                Egress::production(Vec::new()).of_operator().permits(ip),
                test,
                "{address} by the operator's word"
            );
        }
    }

    #[test]
    fn what_is_allowed_by_name_is_permitted_and_nothing_beside_it() {
        let egress = Egress::production(vec!["127.0.0.0/30".parse().unwrap(), "169.254.1.1".parse().unwrap()]);
        for (address, permitted) in [
            ("127.0.0.3", true),
            ("127.0.0.4", false),
            ("::ffff:127.0.0.1", true),
            ("64:ff9b::7f00:1", true),
            ("169.254.1.1", true),
            ("169.254.1.2", false),
            ("::1", false),
        ] {
            assert_eq!(egress.permits(address.parse().unwrap()), permitted, "{address}");
        }
    }

    #[test]
    fn a_range_is_an_address_and_a_prefix() {
        for text in ["127.0.0.0/8", "10.0.0.1", "10.0.0.1/32", "::/0", "fd00::/8", "::1", "0.0.0.0/0"] {
            assert!(text.parse::<Network>().is_ok(), "{text}");
        }
        for text in [
            "",
            "localhost",
            "127.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "fd00::/129",
            "fd00::1/8",
            "10.0.0.0/",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("1.2.3.4".parse().unwrap()) && !all.contains("::1".parse().unwrap()));
    }
}
