//! IPv4 and IPv6 addresses and networks.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::number::parse_uint;

/// Four decimal octets, most significant first; zeros in front of an octet are allowed.
pub fn parse_ipv4(s: &str) -> Option<u32> {
    let mut octets = s.split('.');
    let mut address = 0u32;
    for _ in 0..4 {
        let octet = octets.next()?;
        let digits = (1..=3).contains(&octet.len()) && octet.bytes().all(|b| b.is_ascii_digit());
        address = address << 8 | u32::from(digits.then(|| octet.parse::<u8>().ok())??);
    }
    octets.next().is_none().then_some(address)
}

/// The inverse of [`parse_ipv4`].
pub fn format_ipv4(address: u32) -> String {
    Ipv4Addr::from(address).to_string()
}

/// First and last address of `1.2.3.0/24`, or the address itself twice.
pub fn parse_ipv4_cidr(s: &str) -> Option<(u32, u32)> {
    let Some((address, bits)) = s.split_once('/') else {
        return parse_ipv4(s).map(|address| (address, address));
    };
    let bits = u32::try_from(parse_uint(bits)?).ok().filter(|&bits| bits <= 32)?;
    let host = u32::MAX.checked_shr(bits).unwrap_or(0);
    let address = parse_ipv4(address)?;
    Some((address & !host, address | host))
}

/// The number of addresses in a network given as `/24`.
pub fn parse_ipv4_mask(s: &str) -> Option<u64> {
    let bits = parse_uint(s.strip_prefix('/')?)?;
    (bits <= 32).then(|| 1 << (32 - bits))
}

/// First and last address of `2001:db8::/32`, or the address itself twice. IPv4 addresses are mapped ones.
pub fn parse_ipv6_cidr(s: &str) -> Option<(Ipv6Addr, Ipv6Addr)> {
    let Some((address, bits)) = s.split_once('/') else {
        return parse_ipv6(s).map(|address| (address, address));
    };
    let bits = u32::try_from(parse_uint(bits)?).ok().filter(|&bits| bits <= 128)?;
    let host = u128::MAX.checked_shr(bits).unwrap_or(0);
    let address = u128::from(parse_ipv6(address)?);
    Some(((address & !host).into(), (address | host).into()))
}

/// An IPv6 address, or an IPv4 address as the mapped one.
pub fn parse_ipv6(s: &str) -> Option<Ipv6Addr> {
    s.parse()
        .ok()
        .or_else(|| parse_ipv4(s).map(|v4| Ipv4Addr::from(v4).to_ipv6_mapped()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(parse_ipv4("1.2.3.4"), Some(16_909_060));
        assert_eq!(parse_ipv4("127.000.0.01"), Some(0x7f00_0001));
        for wrong in [
            "",
            "foo",
            "1.2.3",
            "1.2.3.4.5",
            "127.127.256.127",
            "127.-1.1.1",
            "+1.2.3.4",
            "1.2.3.0004",
        ] {
            assert_eq!(parse_ipv4(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn networks() {
        assert_eq!(parse_ipv4_cidr("1.2.3.34/24"), Some((0x0102_0300, 0x0102_03ff)));
        assert_eq!(parse_ipv4_cidr("1.2.3.34/0"), Some((0, u32::MAX)));
        assert_eq!(parse_ipv4_cidr("1.2.3.34/33"), None);
        assert_eq!(parse_ipv4_mask("/0"), Some(1 << 32));
        assert_eq!(parse_ipv4_mask("24"), None);
        let (first, last) = parse_ipv6_cidr("2001:db8::1/32").expect("a network");
        assert_eq!(
            (first.to_string(), last.to_string()),
            ("2001:db8::".into(), "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".into())
        );
    }
}
